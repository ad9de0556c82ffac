import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// Ends, resets and changes of memory, seen by QEMU and by our server.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestLifecycleTests {
    private let machine: ServedMachine

    init() async throws {
        machine = try await ServedMachine()
    }

    /// Drives the device from its reset to one delivered message.
    private func useDevice(_ data: UInt32) throws {
        let function = try machine.function()
        let msix = try QTestMSIX(function)
        var virtio = try QTestVirtioFunction(function)
        try machine.qtest.writel(ServedMachine.messageAddress, 0)
        try msix.program(1, address: ServedMachine.messageAddress, data: data)
        try msix.enable()
        #expect(try virtio.start(configurationVector: 0, queueVector: 1) == (0, 1))
        try virtio.offerBuffer(count: 256)
        #expect(
            try machine.qtest.waitForWord(at: ServedMachine.messageAddress, toBe: data) == data)
    }

    @Test(.rule("QEMU-23")) func `When the server stops, registers read as ones and QEMU lives on`()
        throws
    {
        let function = try machine.function()
        let virtio = try QTestVirtioFunction(function)
        machine.server.stop()
        #expect(try machine.qtest.readl(virtio.common) == 0xffff_ffff)
        #expect(try machine.qtest.readb(virtio.interruptStatus) == 0xff)
        try machine.qtest.writel(ServedMachine.messageAddress, 7)
        #expect(try machine.qtest.readl(ServedMachine.messageAddress) == 7)
        let departure = try #require(machine.observer.departures.first)
        #expect(departure.reason == .serverStopping)
    }

    @Test(.rule("QEMU-23")) func `When QEMU dies, every lease returns and the next QEMU is served`()
        throws
    {
        try useDevice(0x11)
        #expect(machine.parent.figures.held == 2)
        machine.qtest.qemu.kill()
        #expect(machine.observer.waitForDepartures(1))
        let departure = try #require(machine.observer.departures.first)
        #expect(departure.reason == .closedByClient)
        #expect(departure.report.vectors[1].counts.sent == 1)
        #expect(departure.report.booksBalance)
        #expect(machine.parent.figures.held == 0)

        try machine.restart()
        try useDevice(0x22)
        #expect(machine.parent.figures.held == 2)
    }

    @Test(.rule("QEMU-24")) func `A second QEMU is turned away and does not disturb the first`()
        throws
    {
        for _ in 0..<10 {
            let second = try QEMUProcess(
                lab: try Lab.required(), memoryMebibytes: 128,
                arguments: ["-accel", "qtest", "-device", machine.deviceArgument()])
            // It aborts if it sees an error in place of an end.
            #expect(second.waitForExit() == 1, "\(second.diagnostics)")
        }
        #expect(
            machine.observer.events.contains { if case .turnedAway = $0 { true } else { false } })
        try useDevice(0x33)
    }

    @Test(.rule("QEMU-21")) func `A reset of the machine resets the device, and it works again`()
        async throws
    {
        try useDevice(0x44)
        let resets = try await machine.report().resets
        let function = QTestPCIFunction(machine.qtest, device: ServedMachine.slot)
        try machine.qtest.outb(0xcf9, 0x6)  // the chipset's reset register: full reset
        #expect(
            try machine.qtest.wait { () throws(LabError) in
                try function.config(read: QTestPCIFunction.Register.command, width: 2) & 0x7 == 0
            })
        #expect(try await machine.report().resets > resets)
        #expect(machine.parent.figures.held == 0)
        try useDevice(0x55)
        #expect(try await machine.report().booksBalance)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-20")) func `Memory that is remapped a thousand times stays reachable`()
        async throws
    {
        try useDevice(0x66)
        let bridge = QTestPCIFunction(machine.qtest, device: 0)
        let before = try mappings()
        for round in 0..<60 {
            // The chipset's PAM registers: what lies at 0xc0000 is ROM, RAM or nothing.
            let value: UInt32 = [0x00, 0x33, 0x11, 0x31][round % 4]
            for register in 0x90...0x96 {
                try bridge.config(write: register, width: 1, value)
            }
        }
        #expect(try mappings() - before >= 1000)
        try useDevice(0x77)
        let report = try await machine.report()
        #expect(report.memoryFaults == 0)
        #expect(machine.observer.refusals == [])
        #expect(machine.complaints == [])
    }

    private func mappings() throws -> Int {
        try machine.trace().count { $0.hasPrefix("vfio_user_dma_") }
    }
}
