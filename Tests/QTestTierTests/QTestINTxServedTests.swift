import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// The interrupt pin of our device through QEMU: a level at the I/O APIC, made of an eventfd and of
/// the client's unmask after every access to a BAR.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestINTxServedTests {
    private static let interruptDisable: UInt16 = 0x400

    private let machine: ServedMachine
    private let qtest: QTest
    private let function: QTestPCIFunction
    private var virtio: QTestVirtioFunction

    init() async throws {
        machine = try await ServedMachine()
        qtest = machine.qtest
        function = try machine.function()
        try qtest.interceptInterrupts(of: "ioapic")
        virtio = try QTestVirtioFunction(function)
        _ = try virtio.start()
    }

    private var isPinShown: Bool {
        get throws {
            try function.config(read: QTestPCIFunction.Register.status, width: 2) & 0x8 != 0
        }
    }

    /// Offers a buffer and waits for the line to rise.
    private mutating func raise(changes: Int) throws -> Int {
        try virtio.offerBuffer(count: 64)
        try #require(try qtest.waitForLineChanges(changes))
        return try #require(qtest.lineChanges.last?.line)
    }

    @Test(.rule("QEMU-17"))
    mutating func `The line is high until the status is read, again and again`()
        async throws
    {
        for round in 0..<5 {
            let line = try raise(changes: 2 * round + 1)
            #expect(qtest.isRaised(line))
            #expect(try isPinShown)
            #expect(try qtest.readb(virtio.interruptStatus) == 1)
            #expect(!qtest.isRaised(line))
            #expect(try !isPinShown)
        }
        let pin = try await machine.report().pin
        #expect(pin.raised == 5)
        #expect(pin.sent == 5)
        #expect(pin.repeated == 0)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-17"))
    mutating func `A cause that still holds after an unmask raises the line again`()
        async throws
    {
        let line = try raise(changes: 1)
        // Any access to a BAR makes QEMU lower the line and unmask; the cause is still there.
        _ = try qtest.readw(virtio.common + QTestVirtioFunction.Register.queueSize)
        #expect(try qtest.waitForLineChanges(3))
        #expect(qtest.lineChanges.map(\.isRaised) == [true, false, true])
        #expect(try qtest.readb(virtio.interruptStatus) == 1)
        #expect(!qtest.isRaised(line))
        let pin = try await machine.report().pin
        #expect(pin.sent == 1)
        #expect(pin.repeated == 1)
    }

    @Test(.rule("QEMU-18"))
    mutating func `Interrupt Disable silences the pin and keeps the status`() async throws {
        try function.setCommand(0x7 | Self.interruptDisable)
        try virtio.offerBuffer(count: 64)
        #expect(try virtio.waitForUsedIndex(1))
        #expect(try isPinShown)
        #expect(try await machine.report().isPinPending)
        #expect(qtest.lineChanges == [])

        try function.setCommand(0x7)
        #expect(try qtest.waitForLineChanges(1))
        #expect(qtest.lineChanges.first?.isRaised == true)
    }

    @Test(.rule("QEMU-19"))
    mutating func `Enabling MSI-X silences the pin, disabling it brings the pin back`()
        async throws
    {
        let msix = try QTestMSIX(function)
        try msix.enable()
        try virtio.offerBuffer(count: 64)
        #expect(try virtio.waitForUsedIndex(1))
        #expect(qtest.lineChanges == [])
        try msix.enable(false)
        let line = try raise(changes: 1)
        #expect(qtest.isRaised(line))
        #expect(try qtest.readb(virtio.interruptStatus) == 1)
        #expect(!qtest.isRaised(line))
    }
}
