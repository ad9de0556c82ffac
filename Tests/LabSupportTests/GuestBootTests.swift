import LabSupport
import Testing

/// Stock kernels boot and use QEMU's own virtio entropy device through their own drivers.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct GuestBootTests {
    private static func rng(_ properties: String) -> String {
        #"{"driver":"virtio-rng-pci","disable-legacy":"on",\#(properties)}"#
    }

    @Test(arguments: Lab.locate()?.kernels ?? [])
    func `Linux reads random bytes with one interrupt per buffer`(kernel: Lab.Kernel) throws {
        let boot = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-rng",
            devices: [GuestBootTests.rng(#""addr":"4""#)])

        let report = try boot.run()

        try #require(report.isDone, "\(report.serial)\(report.diagnostics)")
        #expect(report["device"] == "0000:00:04.0")
        #expect(report["driver"] == "virtio_rng")
        #expect(report["bytes"] == "4096")
        #expect(report["distinct"].flatMap { Int($0) } ?? 0 > 200)
        #expect(report["msi_mode"] == "msix")
        #expect(report["msi_irqs"] == "2")
        #expect(report.interruptCount("virtio0-config", "after") == 0)
        let before = try #require(report.interruptCount("virtio0-input", "before"))
        let after = try #require(report.interruptCount("virtio0-input", "after"))
        #expect(after - before >= 16)
    }

    @Test(arguments: Lab.locate()?.kernels ?? [])
    func `The guest's VFIO delivers every interrupt behind its IOMMU`(kernel: Lab.Kernel) throws {
        var boot = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "vfio-rng",
            devices: [
                #"{"driver":"pcie-root-port","id":"root"}"#,
                GuestBootTests.rng(#""iommu_platform":true,"bus":"root""#),
            ])
        boot.hasIntelIOMMU = true
        boot.variables = ["requests": "24"]

        let report = try boot.run()

        try #require(report.isDone, "\(report.serial)\(report.diagnostics)")
        #expect(report["driver"] == "vfio-pci")
        #expect(report["bytes"] == "\(24 * 256)")
        let interrupts = report.all("irqs").map { $0.field("count") }
        #expect(interrupts == ["0", "24"])
        #expect(report.all("refused").map(\.value) == ["beyond vector=2"])
        #expect(report["reset"] == "done")
    }

    @Test(arguments: [(1, "0", "8"), (0, "-1", "0")])
    func `The guest's VFIO driver survives a refused vector`(
        vectors: Int, queueVector: String, interrupts: String,
    ) throws {
        let lab = try Lab.required()
        var boot = GuestBoot(
            lab: lab, kernel: try #require(lab.kernels.first), scenario: "vfio-rng",
            devices: [GuestBootTests.rng(#""iommu_platform":true,"vectors":\#(vectors)"#)])
        boot.hasIntelIOMMU = true
        boot.variables = ["requests": "8"]

        let report = try boot.run()

        try #require(report.isDone, "\(report.serial)\(report.diagnostics)")
        #expect(report.all("refused").contains { $0.value == "queue vector=1" })
        #expect(report.all("queue").first?.field("vector") == queueVector)
        #expect(report.all("irqs").first?.field("count") == interrupts)
        #expect(report["bytes"] == "\(8 * 256)")
    }

    @Test func `A guest without the device says so and ends`() throws {
        let lab = try Lab.required()
        let kernel = try #require(lab.kernels.first)
        let report = try GuestBoot(lab: lab, kernel: kernel, scenario: "vfio-rng", devices: [])
            .run()
        #expect(report["failed"] == "no virtio entropy device in an IOMMU group")
        #expect(report["done"] == "1")
        #expect(!report.isDone)
    }
}
