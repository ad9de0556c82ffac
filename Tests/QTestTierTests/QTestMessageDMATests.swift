import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// Our entropy device with a QEMU whose RAM no file stands behind: ring, buffers and indexes are
/// reached by messages only.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestMessageDMATests {
    private static let messageAddress: UInt64 = 0x10_0000

    private static func run(asks: Bool) async throws -> (used: Bool, report: DeviceReport) {
        let directory = try TemporaryDirectory()
        let server = try VFIOUserServer(.init(loops: 1)) { _ in }
        defer { server.stop() }
        let placement = DevicePlacement(
            name: "rng", socketPath: "\(directory.path)/rng",
            parent: VectorPool(name: "parent", capacity: 2),
            limits: ClientLimits(asksForMemory: asks))
        try await server.serve(placement) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
        let socket = #"{"type":"unix","path":"\#(placement.socketPath)"}"#
        let qtest = try QTest(
            lab: try Lab.required(),
            devices: [#"{"driver":"vfio-user-pci","addr":"4","socket":\#(socket)}"#],
            sharesMemory: false)
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        let msix = try QTestMSIX(function)
        try msix.program(1, address: messageAddress, data: 0x1234)
        try msix.enable()
        var virtio = try QTestVirtioFunction(function)
        _ = try virtio.start(configurationVector: 0, queueVector: 1)
        var used = false
        for round in UInt16(1)...8 {
            try virtio.offerBuffer(count: 64)
            used = asks ? try virtio.waitForUsedIndex(round) : try virtio.usedIndex() == round
        }
        if asks {
            #expect(try virtio.returnedBytes().contains { $0 != 0 })
            #expect(try qtest.waitForWord(at: messageAddress, toBe: 0x1234) == 0x1234)
        }
        guard let report = await server.report(of: "rng") else {
            throw LabError("report", reason: "there is no device")
        }
        return (used, report)
    }

    @Test(.rules("QEMU-31", "VU-46")) func `Memory without a descriptor is reached by messages`()
        async throws
    {
        let (used, report) = try await Self.run(asks: true)
        #expect(used)
        #expect(report.memoryFaults == 0)
        // A buffer that is offered while the device still looks goes with the one before it.
        #expect((1...8).contains(report.vectors[1].counts.sent))
        #expect(report.booksBalance)
    }

    @Test(.rules("QEMU-31", "VU-45")) func `Without the option it is a fault and nothing else`()
        async throws
    {
        let (used, report) = try await Self.run(asks: false)
        #expect(!used)
        #expect(report.memoryFaults > 0)
        #expect(report.booksBalance)
    }
}
