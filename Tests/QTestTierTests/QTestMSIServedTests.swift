import DeviceModels
import LabSupport
import MessageSignaledInterrupts
import ServerSupport
import TestTraits
import Testing
import VFIOUserServer

/// MSI of our device through QEMU, which keeps the message and binds an eventfd for each one that
/// the guest granted.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestMSIServedTests {
    private let machine: ServedMachine
    private let qtest: QTest
    private let function: QTestPCIFunction
    private let msi: QTestMSI

    init() async throws {
        let device = try ManualDevice(messages: MSILayout(messages: 4))
        machine = try await ServedMachine(vectors: 4) { device }
        qtest = machine.qtest
        function = try machine.function()
        msi = try QTestMSI(function)
    }

    private func state(_ register: ManualDevice.Register, _ source: UInt32) throws {
        try qtest.writel(try function.address(ofBAR: 0) + UInt64(register.rawValue), source)
    }

    private func start(exponent: UInt32) throws {
        try qtest.writel(ServedMachine.messageAddress, 0)
        try msi.program(address: ServedMachine.messageAddress, data: 0x1230)
        try msi.enable(exponent: exponent)
    }

    @Test(.rule("QEMU-32"), arguments: [0, 1, 2] as [UInt32])
    func `A source arrives with its number in the low bits of the data`(
        exponent: UInt32
    ) async throws {
        #expect(msi.messages == 4)
        #expect(msi.is64Bit && msi.hasMasking)
        try start(exponent: exponent)
        for source in UInt32(0)..<4 {
            try qtest.writel(ServedMachine.messageAddress, 0)
            try state(.assert, source)
            let expected = 0x1230 | source & (1 << exponent - 1)
            #expect(
                try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: expected) == expected)
        }
        let report = try await machine.report()
        #expect(report.messages.map(\.counts.sent) == [1, 1, 1, 1])
        #expect(report.booksBalance)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-36"))
    func `Mask Bits reach the server, which keeps the event and shows it`() async throws {
        try start(exponent: 2)
        try msi.setMask(0b0100)
        try state(.assert, 2)
        let waiting = try await machine.report().messages[2]
        #expect(waiting.isPending)
        #expect(waiting.obstacles == .vectorMask)
        #expect(try qtest.readl(ServedMachine.messageAddress) == 0)
        try msi.setMask(0)
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0x1232) == 0x1232)
        #expect(try await machine.report().messages[2].counts.sent == 1)
    }

    @Test(.rule("QEMU-37"))
    func `What waits for MSI is sent as MSI-X when the guest moves`() async throws {
        try start(exponent: 2)
        try msi.setMask(0b0010)
        try state(.assert, 1)
        try msi.enable(false)
        let msix = try QTestMSIX(function)
        try msix.program(1, address: ServedMachine.messageAddress + 8, data: 0x77)
        try msix.enable()
        #expect(try qtest.waitForWord(at: ServedMachine.messageAddress + 8, toBe: 0x77) == 0x77)
        #expect(try qtest.readl(ServedMachine.messageAddress) == 0)
        let report = try await machine.report()
        #expect(report.messages[1].counts.handedOver == 1)
        #expect(report.vectors[1].counts.sent == 1)
        #expect(report.booksBalance)
    }
}
