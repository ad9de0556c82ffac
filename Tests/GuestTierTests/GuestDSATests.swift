import Foundation
import LabSupport
import TestTraits
import Testing

/// Linux's own driver (idxd) on slices of an accelerator, with dmatest as its load.
///
/// QEMU's emulated processors have the bit of MOVDIR64B and not the instruction: a plugin of the
/// lab hands its stores to the daemon.
@Suite(.enabled(if: Lab.locate()?.acceleratorKernel != nil, "\(Lab.acceleratorAbsenceReason)"))
struct GuestDSATests {
    /// A parent with so many slots in its message store, and what it offers.
    private static func parent(slots: Int) -> String {
        """
        {"name":"dsa0","backing":["ims:\(slots)"],"overcommit":true,
         "accelerator":{"dedicatedQueues":4,"engines":2},
         "types":[{"name":"dsa-1dwq","device":"dsa"},
          {"name":"dsa-2dwq","device":"dsa","queues":2},
          {"name":"two","device":"interrupt-tester","guarantee":2,"limit":2,"units":0}]}
        """
    }

    /// A daemon, and its slices from 1 on, of these types.
    private static func daemon(slots: Int, _ types: String...) throws -> ServingDaemon {
        let daemon = try ServingDaemon(parents: parent(slots: slots))
        for (index, type) in types.enumerated() { try start(index + 1, type, daemon) }
        return daemon
    }

    private static func start(_ number: Int, _ type: String, _ daemon: ServingDaemon) throws {
        let file = daemon.directory.path + "/definition"
        let attributes = type.hasPrefix("dsa") ? #"[{"stores":"1"}]"# : "[]"
        try Data(#"{"mdev_type":"\#(type)","start":"manual","attrs":\#(attributes)}"#.utf8)
            .write(to: URL(filePath: file))
        try daemon.verb(
            "start", "-u", ServingDaemon.uuid(number), "-p", "dsa0", "--jsonfile", file)
    }

    private static func boot(
        _ daemon: ServingDaemon, _ slice: Int = 1, steps: String, hasStores: Bool = true
    ) throws -> GuestBoot {
        let lab = try Lab.required()
        var guest = GuestBoot(
            lab: lab, kernel: try #require(lab.acceleratorKernel), scenario: "idxd",
            devices: [daemon.device(slice)])
        guest.modules = ["idxd", "dmatest"]
        guest.processorModel = "max,+movdir64b,+movdiri,x-force-features=on"
        if hasStores {
            guest.storeSockets = [
                "\(daemon.directory.path)/run/\(ServingDaemon.uuid(slice)).stores"
            ]
        }
        guest.variables = ["steps": steps]
        guest.processors = 2
        guest.takesInput = true
        return guest
    }

    private static func report(_ qemu: QEMUProcess, _ daemon: ServingDaemon) throws -> GuestReport {
        let status = qemu.waitForExit()
        let ended = try #require(status, "\(qemu.serial)\(daemon.log)")
        return GuestReport(serial: qemu.serial, diagnostics: qemu.diagnostics, qemuStatus: ended)
    }

    private static func interrupts(
        _ daemon: ServingDaemon, _ slice: Int = 1
    ) throws -> ServingProgram.Report {
        let text = try daemon.verb("irqs", ServingDaemon.uuid(slice), "--json")
        return try JSONDecoder().decode(ServingProgram.Report.self, from: Data(text.utf8))
    }

    /// What the guest had counted of each vector with each report.
    private static func counts(_ guest: GuestReport, vector: Int) -> [Int] {
        guest.all("dsa0.interrupts").filter { $0.field("vector") == "\(vector)" }
            .compactMap { $0.field("count").flatMap { Int($0) } }
    }

    private static func totals(_ guest: GuestReport) -> [String] {
        guest.all("dma.total").map(\.value)
    }

    @Test(.rules("DSA-1", "DSA-4", "DSA-10"))
    func `Copies of four threads end, and each alone has its own interrupt`() throws {
        let daemon = try Self.daemon(slots: 3, "dsa-2dwq")
        let scratch = try TemporaryDirectory()
        let steps = "enable/dma,300,4/report/dma,1200,1/report"
        let guest = try Self.report(
            Self.boot(daemon, steps: steps).start(in: scratch), daemon)
        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(daemon.log)")
        #expect(
            Self.totals(guest) == [
                "threads=8 tests=2400 failures=0", "threads=2 tests=2400 failures=0",
            ])
        let report = try Self.interrupts(daemon)
        #expect(report.booksBalance)
        for vector in 1...2 {
            let seen = Self.counts(guest, vector: vector)
            try #require(seen.count == 2)
            // A thread that is alone waits for each interrupt before it goes on; of several, one
            // interrupt can tell the guest of two copies.
            #expect(seen[1] - seen[0] == 1200)
            #expect((1...1200).contains(seen[0]))
            #expect(report["msix \(vector)"]?.raised == 2400)
            #expect(report["msix \(vector)"]?.sent == 2400)
        }
        #expect(guest.diagnostics.contains("taken=4800 refused=0 failed=0"))
        #expect(guest.diagnostics.contains("dropped=0 raised=0"))
    }

    @Test(.rules("DSA-9"))
    func `With one handle left one queue works and the other says no`() throws {
        let daemon = try Self.daemon(slots: 2, "dsa-2dwq")
        let scratch = try TemporaryDirectory()
        let guest = try Self.report(
            Self.boot(daemon, steps: "enable/dma,100,4/report").start(in: scratch), daemon)
        #expect(guest.qemuStatus == 0)
        #expect(guest["status"] == "1", "the guest's tools were told")
        let binds = guest.all("wq.bind")
        #expect(binds.map { $0.field("status") } == ["0", "1"])
        #expect(binds.map { $0.field("state") } == ["enabled", "disabled"])
        #expect(guest.all("device.bind").first?.field("state") == "enabled")
        #expect(Self.totals(guest) == ["threads=4 tests=400 failures=0"])
        let report = try Self.interrupts(daemon)
        #expect(report.refused == 1)
        #expect(report.lastRefusal?.contains("[VECTOR-EXHAUSTED]") == true)
        #expect(report.booksBalance)
    }

    @Test(.rules("DSA-9"))
    func `A queue that was refused is bound once another slice has gone`() throws {
        let daemon = try Self.daemon(slots: 4, "dsa-2dwq", "two")
        let scratch = try TemporaryDirectory()
        let guest = try Self.boot(
            daemon, steps: "enable/wait,freed/retry/dma,100,2/report"
        ).start(in: scratch)
        #expect(guest.waitForSerial("CARILLON waiting freed"))
        #expect(try Self.interrupts(daemon).refused == 1)
        try daemon.verb("stop", "-u", ServingDaemon.uuid(2))
        guest.say("freed")
        let report = try Self.report(guest, daemon)
        #expect(report.all("wq.bind").map { $0.field("status") } == ["0", "1", "0"])
        #expect(Self.totals(report) == ["threads=4 tests=400 failures=0"])
        #expect(try Self.interrupts(daemon)["msix 2"]?.raised == 200)
    }

    @Test(.rules("DSA-11", "DSA-12"))
    func `Handles are revoked under load and no copy fails`() throws {
        // Another device has the first slots, and gives them back under the load.
        let daemon = try Self.daemon(slots: 8)
        try Self.start(2, "two", daemon)
        try Self.start(1, "dsa-2dwq", daemon)
        let scratch = try TemporaryDirectory()
        let guest = try Self.boot(
            daemon, steps: "enable/start,1500,4/wait,revoked/join/wait,seen/report"
        ).start(in: scratch)
        #expect(guest.waitForSerial("CARILLON waiting revoked"))
        for _ in 0..<3 {
            let said = try daemon.verb("dsa", "revoke", ServingDaemon.uuid(1))
            #expect(said.contains("handles revoked"))
        }
        let reset = try daemon.verb("dsa", "reset", "dsa0")
        #expect(reset.contains("handles revoked"))
        try daemon.verb("stop", "-u", ServingDaemon.uuid(2))
        _ = try daemon.verb("dsa", "compact", "dsa0")
        guest.say("revoked")
        #expect(guest.waitForSerial("CARILLON waiting seen"))
        let slots = try Self.interrupts(daemon).vectors.compactMap(\.path)
        #expect(
            slots.map { String($0.prefix { $0 != "," }) }.sorted() == ["ims 0", "ims 1", "ims 2"],
            "the slice has moved to the first slots")
        guest.say("seen")
        let report = try Self.report(guest, daemon)
        try #require(report.isDone, "\(report.serial)\(report.diagnostics)\(daemon.log)")
        #expect(Self.totals(report) == ["threads=8 tests=12000 failures=0"])
        let interrupts = try Self.interrupts(daemon)
        #expect(interrupts.booksBalance)
        for vector in 1...2 {
            // Each copy has an interrupt, and so has the drain that the driver sends for each
            // revocation it saw.
            let raised = try #require(interrupts["msix \(vector)"]?.raised)
            #expect((6001...6005).contains(raised))
        }
    }

    @Test(.rules("DSA-11"))
    func `After a revocation that leaves fewer only the unlucky queue fails`() throws {
        let daemon = try Self.daemon(slots: 3, "dsa-2dwq")
        let scratch = try TemporaryDirectory()
        // The driver refuses each copy of the unlucky queue, and dmatest then waits a tenth of a
        // second, so that there are few of them.
        let guest = try Self.boot(
            daemon, steps: "enable/dma,100,2/wait,revoked/dma,20,2/report"
        ).start(in: scratch)
        #expect(guest.waitForSerial("CARILLON waiting revoked"))
        try daemon.verb("dsa", "revoke", ServingDaemon.uuid(1), "--limit", "2")
        // The driver asks for both handles anew, of its own accord.
        for _ in 0..<500 where try Self.interrupts(daemon).refused == 0 {}
        #expect(try Self.interrupts(daemon).refused == 1)
        guest.say("revoked")
        let report = try Self.report(guest, daemon)
        #expect(report.qemuStatus == 0)
        let lines = report.all("dma").suffix(4)
        let failures = Dictionary(grouping: lines) { $0.field("channel") ?? "" }
            .mapValues { lines in
                lines.compactMap { $0.field("failures").flatMap { Int($0) } }.reduce(0, +)
            }
        #expect(failures.values.sorted() == [0, 40], "\(failures) \(report.serial)")
        let interrupts = try Self.interrupts(daemon)
        #expect(interrupts.lastRefusal?.contains("[VECTOR-LIMIT]") == true)
        #expect(interrupts.booksBalance)
    }

    @Test(.rules("DSA-4", "DSA-10"))
    func `Two guests with a slice each of one parent are accounted for exactly`() throws {
        let daemon = try Self.daemon(slots: 4, "dsa-1dwq", "dsa-1dwq")
        let (first, second) = (try TemporaryDirectory(), try TemporaryDirectory())
        let guests = [
            try Self.boot(daemon, 1, steps: "enable/dma,600,4/report").start(in: first),
            try Self.boot(daemon, 2, steps: "enable/dma,400,2/report").start(in: second),
        ]
        let reports = try guests.map { try Self.report($0, daemon) }
        for report in reports { #expect(report.isDone, "\(report.serial)") }
        #expect(Self.totals(reports[0]) == ["threads=4 tests=2400 failures=0"])
        #expect(Self.totals(reports[1]) == ["threads=2 tests=800 failures=0"])
        for (slice, copies) in [(1, 2400), (2, 800)] {
            let interrupts = try Self.interrupts(daemon, slice)
            #expect(interrupts["msix 1"]?.raised == copies)
            #expect(interrupts["msix 1"]?.sent == copies)
            #expect(interrupts.booksBalance)
        }
    }

    @Test(.rules("DSA-1", "DSA-8"))
    func `The control path needs no processor that stores 64 bytes`() throws {
        let daemon = try Self.daemon(slots: 3, "dsa-2dwq")
        let scratch = try TemporaryDirectory()
        let guest = try Self.report(
            Self.boot(daemon, steps: "enable/report/disable/enable/report", hasStores: false)
                .start(in: scratch), daemon)
        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(daemon.log)")
        #expect(
            guest.all("wq.bind").map { $0.field("state") } == [
                "enabled", "enabled", "enabled", "enabled",
            ])
        let errors = try #require(guest["dsa0.errors"])
        #expect(Set(errors).isSubset(of: Set("0x ")), "no software error: \(errors)")
        #expect(guest.all("channel").count == 4)
    }
}
