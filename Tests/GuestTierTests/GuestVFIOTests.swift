import LabSupport
import TestTraits
import Testing

/// A program in the guest drives the served device through the guest's own VFIO and IOMMU: the
/// interrupts pass Linux's vfio-pci, QEMU's interrupt remapping and our server.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestVFIOTests {
    private static let requests = 24
    /// Keeps Linux's own driver away from the device, so that all its interrupts are the program's.
    private static let withoutDriver = ["initcall_blacklist": "virtio_pci_driver_init"]

    @Test(.rule("QEMU-28"), arguments: Lab.locate()?.kernels ?? [])
    func `Every interrupt passes the guest's VFIO`(kernel: Lab.Kernel) throws {
        let program = try ServingProgram()
        var boot = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "vfio-rng",
            devices: [
                #"{"driver":"pcie-root-port","id":"root"}"#, program.device(#""bus":"root""#),
            ])
        boot.hasIntelIOMMU = true
        boot.variables = Self.withoutDriver
        boot.variables["requests"] = "\(Self.requests)"

        let guest = try boot.run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        #expect(guest["driver"] == "vfio-pci")
        #expect(guest["bytes"] == "\(Self.requests * 256)")
        #expect(guest.all("irqs").map { $0.field("count") } == ["0", "\(Self.requests)"])
        #expect(guest.all("refused").map(\.value) == ["beyond vector=2"])
        #expect(guest["reset"] == "done")
        // VFIO can add vectors one by one since Linux 6.5; before, all had to be given up first.
        let msix = guest.all("irqinfo").first { $0.field("index") == "msix" }
        #expect(msix?.field("flags") == (kernel.name.hasPrefix("6.1-") ? "0x9" : "0x1"))
        #expect(msix?.field("count") == "2")
        let served = try program.report()
        #expect(served.booksBalance)
        #expect(served.memoryFaults == 0)
        #expect(served["msix 0"]?.raised == 0)
        #expect(served["msix 1"]?.sent == Self.requests)
        #expect(served["pin"]?.raised == 0)
    }

    @Test(.rule("QEMU-28"), arguments: Lab.locate()?.kernels ?? [])
    func `A refused vector is shared or done without`(kernel: Lab.Kernel) throws {
        let program = try ServingProgram(["--vectors", "1"])
        var boot = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "vfio-rng",
            devices: [program.device()])
        boot.hasIntelIOMMU = true
        boot.variables = Self.withoutDriver
        boot.variables["requests"] = "8"

        let guest = try boot.run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        #expect(guest.all("refused").map(\.value) == ["beyond vector=2", "queue vector=1"])
        #expect(guest.all("queue").first?.field("vector") == "0")
        #expect(guest.all("irqs").map { $0.field("count") } == ["8", "0"])
        let served = try program.report()
        #expect(served.refused == 1)
        #expect(served["msix 0"]?.sent == 8)
        #expect(served.booksBalance)
    }
}
