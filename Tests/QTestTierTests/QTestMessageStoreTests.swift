import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// Messages of our tester's message store in a real QEMU, aimed at the guest's RAM: written there
/// by us where QEMU shares it, and by QEMU where it does not.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct QTestMessageStoreTests {
    private static let messageAddress: UInt64 = 0x10_0000

    @Test(.rules("QEMU-40", "VU-50", "TEST-9"), arguments: [true, false])
    func `A slot's message reaches memory`(sharesMemory: Bool) async throws {
        let directory = try TemporaryDirectory()
        let server = try VFIOUserServer(.init(loops: 1)) { _ in }
        defer { server.stop() }
        let placement = DevicePlacement(
            name: "tester", socketPath: "\(directory.path)/tester",
            parent: VectorPool(name: "parent", capacity: 8))
        let tester = try InterruptTester(.init(vectors: 0, messages: nil, slots: 8))
        try await server.serve(placement) { tester }
        let socket = #"{"type":"unix","path":"\#(placement.socketPath)"}"#
        let qtest = try QTest(
            lab: try Lab.required(),
            devices: [#"{"driver":"vfio-user-pci","addr":"4","socket":\#(socket)}"#],
            sharesMemory: sharesMemory)
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        let registers = try #require(function.bars[0])
        let slots = try #require(function.bars[4])
        #expect(try qtest.readl(registers + 0x1c) == 5)
        for slot in UInt64(0)..<8 {
            let place = slots + 16 * slot
            try qtest.writel(place, UInt32(Self.messageAddress + 4 * slot))
            try qtest.writel(place + 4, 0)
            try qtest.writel(place + 8, 0x1000 + UInt32(slot))
            try qtest.writel(place + 12, 0)
            try qtest.writel(registers + 0x28, 0x8000_0000 | UInt32(slot))
        }
        for slot in UInt64(0)..<8 {
            let expected = 0x1000 + UInt32(slot)
            let found = try qtest.waitForWord(
                at: Self.messageAddress + 4 * slot, toBe: expected)
            #expect(found == expected)
        }
        let report = try #require(await server.report(of: "tester"))
        #expect(report.slots.map(\.counts.sent) == Array(repeating: 1, count: 8))
        #expect(report.booksBalance)
    }
}
