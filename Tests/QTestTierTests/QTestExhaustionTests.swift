import DeviceModels
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// A parent that runs out: drivers learn it from the vector registers, through QEMU.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestExhaustionTests {
    private static let none = QTestVirtioFunction.noVector

    @Test(.rule("QEMU-26"), .scenario("T-D01"), arguments: 0...2)
    func `A vector register reads back what the parent had`(vectors: Int) async throws {
        let machine = try await ServedMachine(vectors: vectors)
        var virtio = try QTestVirtioFunction(try machine.function())
        let granted = try virtio.start(configurationVector: 0, queueVector: 1)
        #expect(granted.configuration == (vectors > 0 ? 0 : Self.none))
        #expect(granted.queue == (vectors > 1 ? 1 : Self.none))
        let report = try await machine.report()
        #expect(report.refusals == UInt64(2 - vectors))
        #expect(report.reserved == vectors)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-26"), .scenario("T-D03"))
    func `After refusals a driver shares a vector, and then falls back to the pin`() async throws {
        let machine = try await ServedMachine(vectors: 1)
        let function = try machine.function()
        let msix = try QTestMSIX(function)
        try msix.program(0, address: ServedMachine.messageAddress, data: 0xab)
        try msix.enable()
        var virtio = try QTestVirtioFunction(function)
        #expect(try virtio.start(configurationVector: 0, queueVector: 1) == (0, Self.none))
        #expect(try virtio.start(configurationVector: 0, queueVector: 0) == (0, 0))
        try virtio.offerBuffer(count: 64)
        #expect(
            try machine.qtest.waitForWord(at: ServedMachine.messageAddress, toBe: 0xab) == 0xab)

        try msix.enable(false)
        try machine.qtest.interceptInterrupts(of: "ioapic")
        _ = try virtio.start()
        try virtio.offerBuffer(count: 64)
        #expect(try machine.qtest.waitForLineChanges(1))
        #expect(machine.qtest.lineChanges.first?.isRaised == true)
        #expect(machine.parent.figures.held == 0)
    }

    @Test(.rule("QEMU-26")) func `Two devices with one vector each do not disturb each other`()
        async throws
    {
        let machine = try await ServedMachine(vectors: 2, devices: 2)
        for number in 0..<2 {
            let function = try machine.function(number)
            let address = ServedMachine.messageAddress + UInt64(4 * number)
            let msix = try QTestMSIX(function)
            try msix.program(1, address: address, data: 0xc0 + UInt32(number))
            try msix.enable()
            var virtio = try QTestVirtioFunction(
                function, memory: 0x20_0000 + UInt64(number) << 20)
            #expect(try virtio.start(queueVector: 1).queue == 1)
            try virtio.offerBuffer(count: 64)
            let data = 0xc0 + UInt32(number)
            #expect(try machine.qtest.waitForWord(at: address, toBe: data) == data)
        }
        #expect(machine.parent.figures.held == 2)
        for number in 0..<2 {
            #expect(try await machine.report(number).vectors[1].counts.sent == 1)
        }
    }

    @Test(.rule("QEMU-26")) func `A vector that one device gives up is the other's`() async throws {
        let machine = try await ServedMachine(vectors: 1, devices: 2)
        var first = try QTestVirtioFunction(try machine.function(0))
        var second = try QTestVirtioFunction(try machine.function(1), memory: 0x30_0000)
        #expect(try first.start(queueVector: 1).queue == 1)
        #expect(try second.start(queueVector: 1).queue == Self.none)
        try machine.qtest.writeb(first.common + QTestVirtioFunction.Register.status, 0)
        #expect(try second.start(queueVector: 1).queue == 1)
        #expect(try first.start(queueVector: 1).queue == Self.none)
        #expect(machine.parent.figures.held == 1)
        #expect(machine.parent.figures.refused == 2)
    }
}
