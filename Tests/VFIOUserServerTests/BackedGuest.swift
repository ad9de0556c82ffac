import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer

/// A guest of an `InterruptTester` that uses one of its mechanisms, step by step, and tells what it
/// sees.
final class BackedGuest {
    enum Kind: String, CaseIterable {
        case intx, msi, msix, ims
    }

    private final class Event {
        let event: EventFD
        init() throws { event = try EventFD() }
    }

    private let kind: Kind
    private let client: VFIOUserClient
    private let guest: GuestFunction
    private let events: [Event]
    private(set) var story: [String] = []

    init(_ kind: Kind, _ client: VFIOUserClient, sources: Int) throws {
        self.kind = kind
        self.client = client
        guest = try GuestFunction(client)
        events = try (0..<sources).map { _ in try Event() }
        try lookAround()
        try setUp()
    }

    /// What a guest can see before it does anything.
    private func lookAround() throws {
        story.append("\(try client.deviceInfo())")
        for index in 0..<9 {
            let region = try #require(RegionIndex(rawValue: UInt32(index)))
            story.append("\(try client.regionInfo(region))")
        }
        for index in [IRQIndex.intx, .msi, .msix, .error, .request] {
            story.append("\(try client.irqInfo(index))")
        }
        story.append("\(try (0..<64).map { try guest.readConfig(4 * $0, .dword) })")
    }

    private func setUp() throws {
        switch kind {
        case .intx: try guest.bindPin(to: events[0].event)
        case .msi:
            for (number, event) in events.enumerated() {
                try guest.bindMessage(number, to: event.event)
            }
            try guest.enableMessages(
                MSIMessage(address: 0xfee0_0000, data: 0x40), granted: events.count)
        case .msix:
            for (vector, event) in events.enumerated() { try guest.bind(vector, to: event.event) }
            try guest.setMSIX(enable: true)
            for vector in events.indices {
                try guest.program(vector, MSIMessage(address: 0xfee0_0000, data: UInt32(vector)))
            }
        case .ims:
            for slot in events.indices {
                try guest.write(Self.address(slot), bar: 4, at: 16 * slot, .qword)
                try guest.write(UInt64(slot), bar: 4, at: 16 * slot + 8, .qword)
            }
        }
    }

    private static func address(_ slot: Int) -> UInt64 { 0xfee0_0000 | UInt64(slot) << 12 }

    // MARK: What a guest does

    private func name(_ source: Int) -> UInt64 {
        UInt64(source) | (kind == .ims ? UInt64(TesterRegister.slotBit) : 0)
    }

    private func tell(_ register: TesterRegister, _ source: Int) throws {
        try guest.write(name(source), bar: 0, at: register.rawValue, .dword)
    }

    private func counter(_ register: TesterRegister, of source: Int) throws -> UInt64 {
        try tell(.select, source)
        return try guest.read(bar: 0, register.rawValue, .qword)
    }

    private func setMask(_ source: Int, _ masked: Bool) throws {
        switch kind {
        case .intx: try guest.writeConfig(masked ? 0x0406 : 0x0006, at: 4, .word)
        case .msi: try guest.setMessageMask(masked ? 1 << UInt32(source) : 0)
        case .msix: try guest.setMask(source, masked)
        case .ims: try guest.write(masked ? 1 : 0, bar: 4, at: 16 * source + 12, .dword)
        }
    }

    private func isPending(_ source: Int) throws -> Bool {
        switch kind {
        case .intx: try guest.readConfig(6, .word) >> 3 & 1 == 1
        case .msi: try guest.pendingMessages() >> UInt32(source) & 1 == 1
        case .msix: try guest.isPending(source)
        case .ims: try guest.read(bar: 4, 16 * source + 12, .dword) >> 1 & 1 == 1
        }
    }

    /// Interrupts of `source` since the last look.
    private func signals(_ source: Int) throws -> Int {
        guard kind == .ims else {
            return Int(events[kind == .intx ? 0 : source].event.drain())
        }
        let writes = try client.takePostedWrites()
        #expect(writes.allSatisfy { $0.address == Self.address(source) })
        return writes.count
    }

    /// The handler: what it does for the source, and for a pin.
    private func handle(_ source: Int) throws {
        try tell(.acknowledge, source)
        if kind == .intx { try guest.unmaskPin() }
    }

    private func awaitSignal(_ source: Int) throws -> Int {
        while true {
            let count = try signals(source)
            if count > 0 { return count }
            // Any exchange lets posted writes come.
            _ = try guest.read(bar: 0, 0, .dword)
        }
    }

    private func awaitPending(_ source: Int) throws {
        while try !isPending(source) {}
    }

    // MARK: Stories

    /// How often `play` has each source fire.
    static func fired(_ sources: Int) -> [UInt64] {
        (0..<sources).map { [2: 2, 3: 3, 4: 2, 5: 2][$0] ?? 1 }
    }

    func play() throws {
        for source in events.indices {
            try tell(.fire, source)
            story.append("\(source) arrived \(try awaitSignal(source)) times")
            try handle(source)
        }
        try setMask(3, true)
        try tell(.fire, 3)
        try awaitPending(3)
        try tell(.fire, 3)
        while try counter(.coalesced, of: 3) < 1 {}
        story.append("masked: \(try signals(3))")
        try setMask(3, false)
        story.append("unmasked: \(try awaitSignal(3)), pending \(try isPending(3))")
        try handle(3)

        try setMask(4, true)
        try tell(.fire, 4)
        try awaitPending(4)
        try tell(.acknowledge, 4)
        story.append("withdrawn: pending \(try isPending(4))")
        try setMask(4, false)
        story.append("unmasked: \(try signals(4))")

        try tell(.pulse, 5)
        story.append("pulsed: \(try awaitSignal(5))")
        if kind == .intx { try guest.unmaskPin() }

        try setMask(2, true)
        try tell(.fire, 2)
        try awaitPending(2)
        try client.reset()
        story.append("reset: pending \(try isPending(2)), \(try signals(2))")
    }

    /// The counts of everything, as the guest's side of the device has them.
    func note(_ report: DeviceReport) {
        for vector in report.vectors + report.messages + report.slots {
            story.append("\(vector.index): \(vector.counts), \(vector.isPending)")
        }
        story.append("pin: \(report.pin), \(report.isPinPending)")
        story.append("refused \(report.refusals), recalled \(report.recalled)")
    }

    /// Has the timer fire a source as often as it can.
    func startTimer() throws {
        try guest.write(20, bar: 0, at: TesterRegister.timerPeriod.rawValue, .dword)
        try guest.write(1, bar: 0, at: TesterRegister.timerControl.rawValue, .dword)
    }

    /// Fires every source `rounds` times and waits for nothing.
    func fireAll(rounds: Int) throws {
        for _ in 0..<rounds {
            for source in events.indices { try tell(.pulse, source) }
        }
    }

    /// Fires source `source` and unbinds it in one go, then fires it again.
    func hurry(unbinding source: Int) throws {
        try tell(.fire, source)
        try client.unbind(.msix, source..<source + 1)
        try tell(.fire, source)
    }
}
