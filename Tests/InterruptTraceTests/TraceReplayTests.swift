import DeviceModels
import Foundation
import IRQDomains
import InterruptTestSupport
import InterruptTrace
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Traces of a device that is driven by a script: golden files, and the books that a replay keeps.
struct TraceReplayTests {
    private static var goldens: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens")
    }

    /// The interrupt tester with a vector for each, slots, and a clock that counts.
    private final class Machine {
        let endpoint: PCIEndpoint<InterruptTester>

        init() throws {
            let parent = VectorPool(name: "parent", capacity: 16)
            endpoint = try PCIEndpoint(
                try InterruptTester(.init(vectors: 4, messages: nil, slots: 2)),
                on: DeviceHost(pool: parent, holder: "tester"), memory: NoMemory())
            let clock = TestClock()
            endpoint.bus.interrupts.trace = TraceRing(capacity: 4096) { clock.next() }
        }

        var events: [TraceEvent] { endpoint.bus.interrupts.trace?.contents ?? [] }

        func set(_ register: TesterRegister, _ value: UInt64) {
            endpoint.writeBAR(value, BARAccess(bar: 0, offset: register.rawValue, width: .dword))
        }

        func mask(_ vector: Int, _ masked: Bool) {
            endpoint.writeBAR(
                masked ? 1 : 0, BARAccess(bar: 2, offset: 16 * vector + 12, width: .dword))
        }

        func enable(_ enable: Bool) throws {
            let offset = try #require(endpoint.description.offset(of: 0x11))
            endpoint.writeConfig(enable ? 0x8000 : 0, at: offset + 2, .word)
        }

        func bind(_ vector: VectorIndex, _ bound: Bool) {
            #expect(endpoint.bus.interrupts.setBound(.msix, vector, bound) == nil)
        }
    }

    private final class NoMemory: GuestMemory {
        func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
            throw .unmapped
        }
        func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) { throw .unmapped }
        func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 { throw .unmapped }
        func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 { throw .unmapped }
        func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
            throw .unmapped
        }
        func fullFence() {}
    }

    /// What a guest does that binds late, masks, loses a cause, and is reset.
    private static func play(_ machine: Machine) throws {
        machine.set(.fire, 0)
        machine.endpoint.writeConfig(6, at: 4, .word)
        try machine.enable(true)
        for vector in 0..<3 { machine.mask(vector, false) }
        machine.set(.fire, 0)
        machine.set(.fire, 1)
        machine.set(.fire, 1)
        machine.bind(0, true)
        machine.bind(1, true)
        machine.set(.pulse, 0)
        machine.mask(0, true)
        machine.set(.fire, 0)
        machine.set(.acknowledge, 0)
        machine.mask(0, false)
        machine.endpoint.bus.interrupts.setStoreBound(true)
        machine.set(.fire, 0x8000_0001)
        machine.endpoint.writeBAR(0, BARAccess(bar: 4, offset: 28, width: .dword))
        machine.set(.fire, 0x8000_0001)
        machine.endpoint.bus.interrupts.storeMessageFailed(1, .unmapped)
        machine.set(.fire, 2)
        machine.bind(1, false)
        machine.set(.fire, 1)
        machine.endpoint.reset()
    }

    /// `CARILLON_WRITE_GOLDENS=1` writes the file anew.
    @Test(.rules("TRACE-1", "TRACE-4")) func aScriptLeavesTheGoldenTrace() throws {
        let machine = try Machine()
        try Self.play(machine)
        let lines = machine.events.map { "\($0)\n" }.joined()
        let text = "# carillon trace 1 device=tester\n" + lines
        let file = Self.goldens.appending(path: "tester.trace")
        if ProcessInfo.processInfo.environment["CARILLON_WRITE_GOLDENS"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test(.rule("TRACE-4")) func aReplayKeepsTheBooksOfTheFunction() throws {
        let machine = try Machine()
        try Self.play(machine)
        var replay = TraceReplay()
        for event in machine.events { replay.take(event) }
        #expect(replay.contradictions == [])
        #expect(replay.missing == 0)
        for vector in (0..<4).compactMap({ VectorIndex($0) }) {
            let counts = machine.endpoint.bus.interrupts.msix.counts(vector)
            let books = replay.lanes[.vector(vector.rawValue)] ?? .init()
            #expect(books.sent == Int(counts.sent), "\(vector)")
            #expect(books.coalesced == Int(counts.coalesced), "\(vector)")
        }
        let slot = machine.endpoint.bus.interrupts.store?.counts(1)
        let books = try #require(replay.lanes[.slot(1)])
        #expect(books.sent - books.discarded == Int(slot?.sent ?? 99))
        #expect(replay.lanes[.vector(2)]?.lastObstacles == .unbound)
    }

    private enum Act: CaseIterable {
        case fire, fireMore, acknowledge, mask, unmask, table, noTable, oneMessage, fourMessages
        case noMessages, bindPin, unbindPin, unmaskPin, busMaster, noBusMaster, reset, pulse
        case release, reserve
    }

    /// A guest that moves between MSI-X, MSI and the pin at random: the trace tells all of it.
    @Test(.rules("TRACE-3", "TRACE-4"), arguments: [UInt64(1), 2, 3, 4, 5, 6])
    func aReplayFollowsEveryMechanism(seed: UInt64) throws {
        let endpoint = try PCIEndpoint(
            try InterruptTester(.init(vectors: 8, messages: MSILayout(messages: 4))),
            on: DeviceHost(pool: VectorPool(name: "parent", capacity: 16), holder: "tester"),
            memory: NoMemory())
        let clock = TestClock()
        endpoint.bus.interrupts.trace = TraceRing(capacity: 1 << 16) { clock.next() }
        let table = try #require(endpoint.description.offset(of: 0x11))
        let messages = try #require(endpoint.description.offset(of: 0x05))
        for number in (0..<8).compactMap({ VectorIndex($0) }) {
            #expect(endpoint.bus.interrupts.setBound(.msix, number, true) == nil)
            #expect(endpoint.bus.interrupts.setBound(.msi, number, true) == nil)
        }
        func set(_ register: TesterRegister, _ source: Int) {
            endpoint.writeBAR(
                UInt64(source), BARAccess(bar: 0, offset: register.rawValue, width: .dword))
        }
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            let source = Int.random(in: 0..<8, using: &generator)
            switch Act.allCases.randomElement(using: &generator) ?? .fire {
            case .fire, .fireMore: set(.fire, source)
            case .pulse: set(.pulse, source)
            case .acknowledge: set(.acknowledge, source)
            case .mask, .unmask:
                let bits = UInt64.random(in: 0..<16, using: &generator)
                endpoint.writeConfig(bits, at: messages + 16, .dword)
                endpoint.writeBAR(
                    bits & 1, BARAccess(bar: 2, offset: 16 * source + 12, width: .dword))
            case .table: endpoint.writeConfig(0x8000, at: table + 2, .word)
            case .noTable: endpoint.writeConfig(0, at: table + 2, .word)
            case .oneMessage: endpoint.writeConfig(0x01, at: messages + 2, .word)
            case .fourMessages: endpoint.writeConfig(0x21, at: messages + 2, .word)
            case .noMessages: endpoint.writeConfig(0, at: messages + 2, .word)
            case .bindPin: #expect(endpoint.bus.interrupts.setPinBound(true) == nil)
            case .unbindPin: #expect(endpoint.bus.interrupts.setPinBound(false) == nil)
            case .unmaskPin: endpoint.bus.interrupts.setPin(.masked, false)
            case .busMaster: endpoint.writeConfig(6, at: 4, .word)
            case .noBusMaster: endpoint.writeConfig(2, at: 4, .word)
            case .release:
                if let vector = VectorIndex(source) { endpoint.bus.interrupts.release(vector) }
            case .reserve:
                for vector in (0..<8).compactMap({ VectorIndex($0) }) {
                    let isReserved = endpoint.bus.interrupts.reserve(vector)
                    #expect(isReserved)
                }
            case .reset where source == 0:
                endpoint.reset()
                endpoint.writeConfig(6, at: 4, .word)
            case .reset: break
            }
            endpoint.bus.interrupts.clearOutbox()
        }
        var replay = TraceReplay()
        for event in endpoint.bus.interrupts.trace?.contents ?? [] { replay.take(event) }
        #expect(replay.contradictions.map(\.description) == [])
        expectBooks(of: endpoint.bus.interrupts.function, in: replay)
    }

    private func expectBooks(of interrupts: FunctionInterrupts, in replay: TraceReplay) {
        for source in (0..<8).compactMap({ VectorIndex($0) }) {
            let books = replay.lanes[.vector(source.rawValue)] ?? .init()
            let (table, messages) = (interrupts.msix.counts(source), interrupts.msi.counts(source))
            #expect(books.sent == Int(table.sent + messages.sent), "source \(source)")
            #expect(books.coalesced == Int(table.coalesced + messages.coalesced), "\(source)")
            #expect(books.isWaiting ?? false == interrupts.isPending(source), "\(source)")
        }
        let pin = replay.lanes[.pin] ?? .init()
        #expect(pin.sent == Int(interrupts.pin.counts.sent + interrupts.pin.counts.repeated))
    }

    /// Each golden event left out, doubled, or taken for another: what can be told is told.
    @Test(.rule("TRACE-4")) func whatDoesNotFollowIsNamed() throws {
        let send = TraceEvent(sequence: 1, .send, vector: 0, .word(.settled))
        let pend = TraceEvent(sequence: 0, .pend, vector: 0, .obstacles(.vectorMask))
        let cases: [(events: [TraceEvent], law: String)] = [
            ([pend, send, send], "its number has been there"),
            (
                [pend, send, TraceEvent(sequence: 2, .send, vector: 0, .word(.settled))],
                "nothing waited"
            ),
            ([TraceEvent(sequence: 0, .pend, vector: 0)], "nothing held it back"),
            (
                [pend, TraceEvent(sequence: 1, .pend, vector: 0, .obstacles(.unbound))],
                "an event waited already"
            ),
            (
                [
                    TraceEvent(sequence: 0, .send, vector: 0),
                    TraceEvent(sequence: 1, .coalesce, vector: 0),
                ], "nothing waited that it could join"
            ),
        ]
        for example in cases {
            var replay = TraceReplay()
            for event in example.events { replay.take(event) }
            #expect(replay.contradictions.map(\.law) == [example.law])
        }
        var gap = TraceReplay()
        gap.take(pend)
        gap.take(TraceEvent(sequence: 5, .coalesce, vector: 0))
        #expect(gap.missing == 4)
        #expect(gap.contradictions == [])
        #expect(gap.lanes[.vector(0)]?.isWaiting == nil)
    }
}
