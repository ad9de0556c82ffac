import DeviceModels
import Foundation
import IRQDomains
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import TestTraits
import Testing

/// The tester behind an endpoint, driven as its page says.
struct InterruptTesterTests {
    private let parent = VectorPool(name: "parent", capacity: 2048)
    private let machine: TesterMachine
    private var endpoint: PCIEndpoint<InterruptTester> { machine.endpoint }

    init() throws {
        machine = try TesterMachine(
            .init(vectors: 8, messages: MSILayout(messages: 4)), parent)
        for vector in (0..<8).compactMap({ VectorIndex($0) }) {
            endpoint.bus.interrupts.withMSIX { $0.setBound(vector, true, into: &$1) }
            endpoint.bus.interrupts.withMSI { $0.setBound(vector, true, into: &$1) }
        }
        endpoint.bus.interrupts.setPin(.unbound, false)
    }

    private func set(_ register: TesterRegister, _ value: UInt64) { machine.set(register, value) }

    private func get(_ register: TesterRegister) -> UInt64 { machine.get(register) }

    private func sent() -> [Int] { machine.sent() }

    // MARK: The page

    @Test(.rule("TEST-1"), arguments: TesterRegister.allCases)
    func thePageShowsEveryRegister(register: TesterRegister) throws {
        let layout = register.layout
        let offset = "0x" + String(0x1000 + register.rawValue, radix: 16).dropFirst()
        let access = layout.writeMask == 0 ? "RO" : "RW"
        let row =
            "| \(offset) | \(layout.name) | \(layout.width.bytes) | \(access) "
            + "| 0x\(String(layout.resetValue, radix: 16)) |"
        let page = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../docs/specifications/interrupt-tester.md"),
            encoding: .utf8)
        #expect(page.contains(row), "\(row)")
    }

    @Test(.rule("TEST-5"), arguments: TesterRegister.allCases)
    func everyRegisterReadsItsResetValueAndStoresWhatItSays(register: TesterRegister) throws {
        let fixed: [TesterRegister: UInt64] = [
            .vectors: 8, .messages: 4, .sources: 8, .mechanism: 1,
        ]
        let reset = fixed[register] ?? register.layout.resetValue
        #expect(get(register) == reset)
        let commands: [TesterRegister] = [.fire, .acknowledge, .pulse, .command, .doorbell]
        guard !commands.contains(register), register != .timerControl else { return }
        set(register, 0x4321)
        let stores = register.layout.writeMask != 0
        #expect(get(register) == (stores ? 0x4321 & register.layout.writeMask : reset))
        endpoint.reset()
        endpoint.writeConfig(6, at: 4, .word)
        #expect(get(register) == reset)
    }

    // MARK: Commands

    @Test(.rules("TEST-1", "TEST-2")) func everySourceFiresOnCommand() throws {
        try machine.enableMSIX()
        #expect(get(.mechanism) == 3)
        for source in 0..<8 {
            set(.fire, UInt64(source))
            #expect(sent() == [source])
            set(.select, UInt64(source))
            #expect(get(.sourceState) == 1)
            set(.acknowledge, UInt64(source))
            #expect(get(.sourceState) == 0)
            #expect(get(.sent) == 1)
        }
        for register in [TesterRegister.fire, .acknowledge, .pulse] { set(register, 8) }
        #expect(sent() == [])
        #expect(get(.refused) == 3)
    }

    @Test(.rules("TEST-1", "TEST-2")) func aRangeFiresInItsOrderAndABadOneNotAtAll() throws {
        try machine.enableMSIX()
        set(.rangeFirst, 2)
        set(.rangeCount, 3)
        set(.command, 1)
        #expect(sent() == [2, 3, 4])
        let bitmap = endpoint.readBAR(BARAccess(bar: 0, offset: 0x100, width: .dword))
        #expect(bitmap == 0b1_1100)
        set(.command, 2)
        #expect(endpoint.readBAR(BARAccess(bar: 0, offset: 0x100, width: .qword)) == 0)
        set(.command, 3)
        #expect(sent() == [2, 3, 4])
        for (first, count) in [(0, 0), (0, 9), (8, 1), (1, 0xffff_ffff)] as [(UInt64, UInt64)] {
            set(.rangeFirst, first)
            set(.rangeCount, count)
            set(.command, 1)
        }
        set(.command, 7)
        #expect(sent() == [])
        #expect(get(.refused) == 5)
    }

    @Test(.rules("TEST-2", "TEST-6")) func countersAreOverAllMechanisms() throws {
        set(.select, 1)
        set(.fire, 1)
        #expect(endpoint.bus.interrupts.outbox.tellsLine)
        #expect(get(.handedOver) == 1)
        set(.fire, 1)
        try machine.enableMSIX()
        #expect(sent() == [1])
        set(.fire, 1)
        let sum = get(.sent) + get(.coalesced) + get(.discarded) + get(.handedOver)
        #expect(get(.raised) == sum)
        #expect(get(.raised) == 3)
        let low = endpoint.readBAR(BARAccess(bar: 0, offset: 0x68, width: .dword))
        let high = endpoint.readBAR(BARAccess(bar: 0, offset: 0x6c, width: .dword))
        #expect((low, high) == (3, 0))
    }

    @Test(.rule("TEST-3")) func thePinIsHeldByEveryCause() {
        set(.fire, 0)
        set(.fire, 5)
        set(.acknowledge, 0)
        #expect(endpoint.bus.interrupts.pin.causeHolds)
        set(.acknowledge, 5)
        #expect(!endpoint.bus.interrupts.pin.causeHolds)
    }

    @Test(.rules("TEST-2", "TEST-3")) func aTesterWithThePinAloneHasOneSource() throws {
        let tester = try TesterMachine(.init(vectors: 0, messages: nil), parent)
        let pin = tester.endpoint
        pin.bus.interrupts.setPin(.unbound, false)
        tester.set(.fire, 0)
        #expect(pin.bus.interrupts.outbox.tellsLine)
        #expect(pin.readBAR(BARAccess(bar: 0, offset: 0x100, width: .dword)) == 1)
        #expect(tester.get(.sourceState) == 1)
        tester.set(.fire, 1)
        #expect(tester.get(.refused) == 1)
        tester.set(.acknowledge, 0)
        #expect(!pin.bus.interrupts.pin.causeHolds)
        #expect(parent.figures.held == 8)
    }

    // MARK: Time

    @Test(.rule("TEST-4")) func theTimerFiresOnceForEachPeriodAndStopsByItself() throws {
        try machine.enableMSIX()
        set(.rangeFirst, 6)
        set(.rangeCount, 2)
        set(.timerPeriod, 1)
        #expect(get(.timerPeriod) == 20)
        set(.timerCount, 3)
        set(.timerControl, 1)
        #expect(endpoint.bus.timerNanoseconds == 20_000)
        endpoint.expireTimer(2)
        #expect(sent() == [6, 7, 6, 7])
        #expect(get(.timerTicks) == 2)
        endpoint.expireTimer(5)
        #expect(sent() == [6, 7])
        #expect(get(.timerTicks) == 3)
        #expect(get(.timerControl) == 0)
        #expect(endpoint.bus.timerNanoseconds == nil)
    }

    @Test(.rule("TEST-4")) func aTimerThatGoesRoundFiresOneSourceATick() throws {
        try machine.enableMSIX()
        set(.rangeFirst, 5)
        set(.rangeCount, 3)
        set(.timerControl, 3)
        endpoint.expireTimer(4)
        #expect(sent() == [5, 6, 7, 5])
        endpoint.expireTimer(5000)
        #expect(sent().count == 1000)
        set(.timerControl, 0)
        endpoint.expireTimer(1)
        #expect(sent() == [])
        set(.rangeCount, 0)
        set(.timerControl, 1)
        #expect(get(.refused) == 1)
        #expect(endpoint.bus.timerNanoseconds == nil)
    }

    @Test(.rule("TEST-5")) func aResetEndsCausesAndStopsTheTimer() throws {
        set(.fire, 3)
        set(.timerControl, 1)
        endpoint.reset()
        #expect(endpoint.bus.timerNanoseconds == nil)
        #expect(!endpoint.bus.interrupts.pin.causeHolds)
        endpoint.writeConfig(6, at: 4, .word)
        set(.select, 3)
        #expect(get(.sourceState) == 0)
        #expect(get(.raised) == 1)
    }

    // MARK: What can be made

    @Test(.rule("TEST-1"), arguments: [-1, 0, 1, 2047, 2048, 2049])
    func aTesterHasUpTo2048Vectors(vectors: Int) {
        let tester = try? InterruptTester(.init(vectors: vectors))
        #expect((tester != nil) == (0...2048).contains(vectors))
    }

    @Test(.rule("TEST-2")) func aTesterLeasesAllThatItNeedsOrIsNotMade() throws {
        let small = VectorPool(name: "small", capacity: 7)
        #expect(throws: VectorRefusal.self) {
            try TesterMachine(.init(vectors: 8, messages: nil), small)
        }
        #expect(small.figures.held == 0)
        _ = try TesterMachine(.init(vectors: 2, messages: MSILayout(messages: 4)), small)
    }
}
