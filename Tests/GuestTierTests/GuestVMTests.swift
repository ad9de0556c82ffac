import LabSupport
import TestTraits
import Testing

/// Machines of our own on a KVM that runs stock kernels: that of a guest, under QEMU's emulation of
/// a processor with virtualization.
@Suite(
    .enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"),
    .enabled(
        if: NestedMachine.Programs.areThere, "\(NestedMachine.Programs.absenceReason)"),
    .endsWhenHung)
struct GuestVMTests {
    /// Each chip, with a kernel of the lab.
    private static var chips: [(chip: String, kernel: Lab.Kernel)] {
        guard let kernels = Lab.locate()?.kernels else { return [] }
        return [("kernel", kernels[0]), ("split", kernels[kernels.count - 1])]
    }

    /// An interrupt of the guest: its action, and whether it is a message.
    private struct Interrupt {
        let name: String
        let isMessage: Bool
        /// Whether the guest moves it from processor to processor.
        var moves = false

        private func line(_ moment: String, _ guest: GuestReport) throws -> GuestReport.Line {
            try #require(
                guest.all("interrupts.\(moment)").first { $0.field("name") == name }, "\(name)")
        }

        /// Expects that it came while it was used; returns how often.
        func counted(_ guest: GuestReport) throws -> Int {
            let after = try line("after", guest)
            let counts = try [line("before", guest), after].map {
                try #require($0.field("count").flatMap { Int($0) })
            }
            #expect(counts[1] > counts[0], "\(name)")
            #expect(after.field("chip")?.hasPrefix(isMessage ? "PCI-MSI" : "IO-APIC") == true)
            if moves {
                let places = after.field("cpus")?.split(separator: ",") ?? []
                #expect(places.count == 2 && !places.contains("0"), "\(name) came to both")
            }
            return counts[1]
        }
    }

    @Test(arguments: chips)
    func `Linux has all its interrupts, also while it moves them`(
        chip: String, kernel: Lab.Kernel
    ) throws {
        var machine = try NestedMachine(
            "--chip", chip, "--cpus", "2", "--memory", "256M", "--disk", "/tmp/disk-0",
            "--device", "virtio-blk,image=/tmp/disk-1,queues=2", "--device", "virtio-rng",
            // A driver that wants two vectors and finds one takes the pin.
            "--device", "virtio-rng,vectors=1")
        machine.addServed("virtio-rng")
        machine.addServed("virtio-rng --vectors 1")
        try machine.runsLinux(kernel, ["steps": "fill,7/check,7", "moves": "2"])
        let outcome = try machine.run()
        let guest = outcome.guest
        try #require(outcome.status == "0", "\(guest.serial)")
        #expect(outcome.report.end == "powered-off")
        #expect(guest["done"] == "0", "\(guest.serial)")
        #expect(guest["online"] == "0-1")
        #expect(guest.all("check").count == 4, "two disks, each from two processors")
        #expect(guest.all("check").allSatisfy { $0.field("wrong") == "0" })
        for (name, mode) in [("2", "msix"), ("3", ""), ("4", "msix"), ("5", "")] {
            let rng = try #require(guest.all("virtio\(name)").first)
            #expect(rng.field("bytes") == "2048")
            #expect(rng.field("moved") == "2", "\(guest.serial)")
            #expect(rng.field("mode") == mode)
        }
        try Self.expectAllInterrupts(outcome)
        try Self.expectNothingLost(outcome)
    }

    private static func expectAllInterrupts(_ outcome: NestedMachine.Outcome) throws {
        // Messages that come while the guest is busy with one are one to it.
        let disks = ["virtio0-req.0", "virtio1-req.0", "virtio1-req.1"]
        let messages =
            disks.map { Interrupt(name: $0, isMessage: true) }
            + [Interrupt(name: "virtio2-input", isMessage: true, moves: true)]
        let counted = try messages.map { try $0.counted(outcome.guest) }.reduce(0, +)
        #expect(outcome.report.messages.delivered >= counted)
        for pin in [
            Interrupt(name: "ttyS0", isMessage: false),
            Interrupt(name: "virtio3", isMessage: false, moves: true),
        ] {
            #expect(try pin.counted(outcome.guest) > 0)
        }
        let served = [
            ("msix 1", Interrupt(name: "virtio4-input", isMessage: true, moves: true)),
            ("pin", Interrupt(name: "virtio5", isMessage: false, moves: true)),
        ]
        try #require(outcome.served.count == served.count)
        for (device, (cause, interrupt)) in zip(outcome.served, served) {
            #expect(device.booksBalance)
            let counted = try interrupt.counted(outcome.guest)
            #expect(try #require(device.sent(cause)) >= counted)
        }
    }

    private static func expectNothingLost(_ outcome: NestedMachine.Outcome) throws {
        let (report, guest) = (outcome.report, outcome.guest)
        for device in report.devices {
            #expect(device.lost.isEmpty && device.failure == nil, "\(device.name)")
        }
        let messages = report.messages
        #expect(messages.withoutTarget + messages.unreachable == 0)
        #expect(messages.refused + messages.failed == 0)
        #expect(guest.all("errors").map(\.value) == ["ERR:0", "MIS:0"])
        #expect(guest.all("complaint").isEmpty, "\(guest.all("complaint"))")
        #expect(!guest.serial.contains("carillon: "), "the program complains of nothing")
    }

    @Test(arguments: ["kernel", "split"])
    func `The payload counts exactly on virtualization that a processor has`(chip: String) throws {
        var machine = try NestedMachine(
            "--chip", chip, "--cpus", "2", "--device", "interrupt-tester,msix=32,ims=8")
        machine.runsPayload()
        let outcome = try machine.run()
        let lines = outcome.guest.serial.split(whereSeparator: \.isNewline)
        try #require(outcome.status == "0", "\(outcome.guest.serial)")
        #expect(outcome.report.end == "passed")
        #expect(lines.contains("pass msix-count slot 1"))
        #expect(!lines.contains { $0.hasPrefix("fail ") || $0.hasPrefix("skip ") })
        // The software that stands in for virtualization on some hosts ends an interrupt early.
        #expect(!lines.contains { $0.hasPrefix("note: ") })
        #expect(!outcome.guest.serial.contains("carillon: "))
    }
}
