import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// Messages of our device arrive at the address and with the data that a driver put into the table,
/// which QEMU keeps.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestMSIXServedTests {
    private let machine: ServedMachine
    private let qtest: QTest
    private let function: QTestPCIFunction
    private let msix: QTestMSIX
    private var virtio: QTestVirtioFunction

    init() async throws {
        machine = try await ServedMachine()
        qtest = machine.qtest
        function = try machine.function()
        msix = try QTestMSIX(function)
        virtio = try QTestVirtioFunction(function)
    }

    private mutating func start(isMasked: Bool = false, data: UInt32 = 0x1234) throws {
        try msix.program(1, address: ServedMachine.messageAddress, data: data, isMasked: isMasked)
        try msix.enable()
        let vectors = try virtio.start(configurationVector: 0, queueVector: 1)
        #expect(vectors == (0, 1))
    }

    private func messageData() throws -> UInt32 { try qtest.readl(ServedMachine.messageAddress) }

    private mutating func offer(_ used: UInt16) throws {
        try virtio.offerBuffer(count: 64)
        try #require(try virtio.waitForUsedIndex(used))
    }

    @Test(.rule("QEMU-11"))
    mutating func `An unmasked entry delivers its message for every buffer`() async throws {
        try start()
        for round in UInt16(1)...20 {
            try qtest.writel(ServedMachine.messageAddress, 0)
            try offer(round)
            #expect(
                try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        }
        #expect(try virtio.returnedBytes().contains { $0 != 0 })
        let report = try await machine.report()
        #expect(report.vectors[1].counts.sent == 20)
        #expect(report.vectors[0].counts.sent == 0)
        #expect(report.booksBalance)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-15"))
    mutating func `What happens before the first unmask waits in the server`() async throws {
        try start(isMasked: true)
        try offer(1)
        let waiting = try await machine.report().vectors[1]
        #expect(waiting.isPending)
        #expect(waiting.obstacles == .unbound)
        #expect(try msix.isPending(1))
        #expect(try messageData() == 0)

        try msix.setMasked(1, false)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        let settled = try await machine.report().vectors[1]
        #expect(!settled.isPending)
        #expect(settled.counts.sent == 1)
    }

    @Test(.rules("QEMU-14", "QEMU-13"))
    mutating func `What happens under a mask waits in QEMU, which tells nobody`()
        async throws
    {
        try start()
        try offer(1)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        try qtest.writel(ServedMachine.messageAddress, 0)
        try msix.setMasked(1, true)
        try offer(2)
        // The mask never left QEMU: the server has sent, and its pending bit is what a guest reads.
        #expect(try await machine.report().vectors[1].counts.sent == 2)
        #expect(try !msix.isPending(1))
        #expect(try messageData() == 0)

        try msix.setMasked(1, false)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        #expect(try await machine.report().vectors[1].counts.sent == 2)
    }

    @Test(.rules("QEMU-13", "QEMU-15"))
    mutating func `A message changed under a mask is the one that arrives`() throws {
        try start(isMasked: true)
        try offer(1)
        try msix.program(1, address: ServedMachine.messageAddress + 8, data: 0x5678)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress + 8, toBe: 0x5678) == 0x5678)
        #expect(try messageData() == 0)
    }

    @Test(.rule("QEMU-16"))
    mutating func `Under the function mask the server keeps the event and then sends it`()
        async throws
    {
        try start()
        try msix.enable(isMasked: true)
        try offer(1)
        let waiting = try await machine.report().vectors[1]
        #expect(waiting.isPending)
        #expect(waiting.obstacles == .functionMask)
        #expect(try messageData() == 0)

        try msix.enable(isMasked: false)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        #expect(try await machine.report().vectors[1].counts.sent == 1)
    }

    @Test(.rule("QEMU-16")) mutating func `Without bus mastering nothing reaches memory`()
        async throws
    {
        try start()
        try function.setCommand(0x3)
        try virtio.offerBuffer(count: 64)
        // The device cannot reach its ring: it stops and wants a reset (DEVICE_NEEDS_RESET).
        let status = try qtest.readb(virtio.common + QTestVirtioFunction.Register.status)
        #expect(status == 0x4f)
        #expect(try virtio.usedIndex() == 0)
        #expect(try messageData() == 0)
        let report = try await machine.report()
        #expect(report.memoryFaults == 1)
        // Telling of it is a message too: it waits until the device may send.
        #expect(report.vectors[0].isPending)
        #expect(report.vectors[0].obstacles.contains(.busMaster))
        #expect(report.booksBalance)
    }

    @Test(.rule("QEMU-16")) mutating func `Disabling and enabling MSI-X loses nothing`()
        async throws
    {
        try start()
        try msix.enable(false)
        try msix.enable(true)
        try offer(1)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1234) == 0x1234)
        let report = try await machine.report()
        #expect(report.vectors[1].counts.sent == 1)
        #expect(report.booksBalance)
    }

    @Test(.rule("QEMU-11")) mutating func `Two entries have messages of their own`() async throws {
        try msix.program(0, address: ServedMachine.messageAddress, data: 0xa0)
        try msix.program(1, address: ServedMachine.messageAddress + 4, data: 0xa1)
        try msix.enable()
        _ = try virtio.start(configurationVector: 1, queueVector: 0)
        try offer(1)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0xa0) == 0xa0)
        #expect(try qtest.readl(ServedMachine.messageAddress + 4) == 0)
    }
}
