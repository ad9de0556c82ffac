import LabSupport
import TestTraits
import Testing

/// A program in an unmodified guest drives the served interrupt tester through the guest's vfio-pci
/// and its remapping IOMMU, and counts what arrives.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestTesterTests {
    /// What signals at the parent is not the guest's to see: a program, or a function with a table
    /// and a store whose messages pass a remapping table and go to processors.
    private static func backings(_ kernel: Lab.Kernel) -> [String] {
        guard kernel == Lab.locate()?.kernels.last else { return [] }
        return [
            "--backing", "msi-x:10", "--backing", "ims:32", "--remapping-entries", "64",
            "--processors", "2", "--ims-needs-remapping",
        ]
    }

    private static func boot(
        _ program: ServingProgram, _ kernel: Lab.Kernel, tests: [String]
    ) throws -> GuestBoot {
        var boot = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "interrupt-tester",
            devices: [program.device()])
        boot.hasIntelIOMMU = true
        boot.variables["tests"] = tests.joined(separator: ",")
        return boot
    }

    private static func expectExact(
        _ guest: GuestReport, _ test: String, bound: Int, each: Int
    ) throws {
        let line = try #require(guest.all(test).last, "\(guest.serial)")
        #expect(line.field("bound") == "\(bound)")
        #expect(line.field("each") == "\(each)")
        #expect(line.field("exact") == "\(bound)")
        #expect(line.field("missing") == "0")
        #expect(line.field("doubled") == "0")
    }

    /// The slots of a store carry the messages that the guest's kernel wrote for its vectors, and
    /// QEMU's bus takes them where its own would go.
    private static func expectSlots(
        _ guest: GuestReport, _ served: ServingProgram.Report, kind: Int, count: Int
    ) throws {
        try expectExact(guest, "ims", bound: count, each: 2)
        let bound = guest.all("ims-bound").first
        #expect(bound?.field("kind") == "\(kind)")
        #expect(bound?.field("takes") == "1")
        #expect(bound?.field("address")?.hasPrefix("0xfee") == true)
        #expect(served.slots.map(\.sent) == Array(repeating: 2, count: count))
        #expect(served.slots.allSatisfy { $0.raised == 2 && $0.unreachable == 0 })
    }

    @Test(
        .scenario("T-S04"),
        .rules(
            "TEST-2", "TEST-3", "TEST-4", "TEST-7", "TEST-8", "QEMU-32", "QEMU-40", "BACK-1",
            "IMS-23"),
        arguments: Lab.locate()?.kernels ?? [])
    func `Every mechanism delivers every interrupt once`(kernel: Lab.Kernel) throws {
        let program = try ServingProgram(
            ["--msix", "16", "--msi", "8", "--ims", "12"] + Self.backings(kernel),
            device: "interrupt-tester")
        let guest = try Self.boot(
            program, kernel,
            tests: ["msix=16", "msi=1", "msi=8", "intx=40", "timer=200", "ims=12"]
        ).run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        #expect(guest["driver"] == "vfio-pci")
        #expect(guest["tester"] == "vectors=16 messages=8 sources=16 slots=12")
        try Self.expectExact(guest, "msix", bound: 16, each: 2)
        try Self.expectExact(guest, "msi", bound: 8, each: 2)
        try Self.expectExact(guest, "intx", bound: 1, each: 40)
        #expect(guest.all("timer").first?.field("ticks") == "200")
        #expect(guest.all("timer").first?.field("silent") == "0")
        #expect(guest.all("msix-bound").first?.field("mechanism") == "3")
        #expect(guest.all("msi-bound").map { $0.field("mechanism") } == ["2", "2"])
        let served = try program.report()
        #expect(served.booksBalance)
        #expect(served.conflicts == 0)
        #expect(served.strayEvents == 0)
        try Self.expectSlots(guest, served, kind: 1, count: 12)
        #expect(served.messages.map(\.sent).reduce(0, +) == 2 + 16)
        #expect(served.vectors.map(\.sent).reduce(0, +) == 32 + 200)
    }

    @Test(
        .scenarios("T-I01", "T-I03", "T-S02"),
        .rules("INTX-14", "INTX-20", "QEMU-38", "QEMU-40", "IMS-19", "TEST-8", "BACK-1"),
        arguments: Lab.locate()?.kernels ?? [])
    func `A guest that moves between mechanisms loses and doubles nothing`(
        kernel: Lab.Kernel
    ) throws {
        let program = try ServingProgram(
            ["--msix", "4", "--msi", "4", "--ims", "4", "--ims-in-memory", "--backing", "intx"],
            device: "interrupt-tester")
        let guest = try Self.boot(program, kernel, tests: ["moves=50", "ims=4"]).run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        try Self.expectExact(guest, "moves", bound: 1, each: 150)
        #expect(guest.all("moved").map { $0.field("arrived") } == ["50", "50", "50"])
        let served = try program.report()
        try Self.expectSlots(guest, served, kind: 2, count: 4)
        #expect(served.memoryFaults == 0)
        #expect(served.booksBalance)
    }

    /// All vectors of the largest table. A processor has some 200 to give, so the guest has twelve.
    @Test(.rule("TEST-2")) func `All 2048 vectors arrive exactly once at a time`() throws {
        let program = try ServingProgram(
            ["--msi", "0", "--backing", "msi-x"], device: "interrupt-tester")
        let kernel = try #require(Lab.locate()?.kernels.last)
        var boot = try Self.boot(program, kernel, tests: ["msix=2048"])
        boot.processors = 12
        boot.memoryMebibytes = 1024
        let guest = try boot.run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        try Self.expectExact(guest, "msix", bound: 2048, each: 2)
        let served = try program.report()
        #expect(served.vectors.map(\.sent) == Array(repeating: 2, count: 2048))
        #expect(served.booksBalance)
    }
}
