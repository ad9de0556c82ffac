import DeviceModels
import IRQDomains
import InterruptTrace
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import Synchronization
import TestTraits
import Testing

/// Interrupts that are held back because they come too fast, by a clock that the test sets.
struct RateLimitTests {
    private final class TestClock: Sendable {
        private let time = Atomic<UInt64>(1_000)

        var now: UInt64 { time.load(ordering: .relaxed) }

        func pass(_ nanoseconds: UInt64) { time.wrappingAdd(nanoseconds, ordering: .relaxed) }
    }

    /// A bucket filled drop by drop, to compare with: `level` nanoseconds' worth of tokens.
    private struct Bucket {
        let interval: UInt64
        let capacity: UInt64
        var level: UInt64

        init(_ limit: RateLimit) {
            interval = limit.interval
            capacity = limit.interval * UInt64(limit.burst)
            level = capacity
        }

        var hasToken: Bool { level >= interval }
    }

    /// Every sequence of waits between messages that are sent as soon as a token is there.
    @Test(.rule("RATE-1"), arguments: [UInt32(1), 2, 3])
    func theBucketIsFullAndEmptyWhenItShouldBe(burst: UInt32) throws {
        let limit = try #require(RateLimit(perSecond: 1_000_000, burst: burst))
        let waits: [UInt64] = [0, 1, 499, 999, 1000, 1001, 2500]
        var failures = 0
        func explore(_ path: [UInt64], _ depth: Int) {
            let clock = TestClock()
            var limiter = RateLimiter(limit, interrupts: 1) { clock.now }
            var bucket = Bucket(limit)
            var isEmpty = false
            for wait in path {
                clock.pass(wait)
                bucket.level = min(bucket.level + wait, bucket.capacity)
                if isEmpty {
                    let refilled = limiter.refilled() != nil
                    if refilled != bucket.hasToken { failures += 1 }
                    isEmpty = !refilled
                    let due = bucket.hasToken ? nil : clock.now + bucket.interval - bucket.level
                    if limiter.nextToken != due { failures += 1 }
                }
                guard !isEmpty else { continue }
                bucket.level -= bucket.interval
                isEmpty = limiter.take(0)
                if isEmpty == bucket.hasToken { failures += 1 }
            }
            guard depth > 0 else { return }
            for wait in waits { explore(path + [wait], depth - 1) }
        }
        explore([], 5)
        #expect(failures == 0)
    }

    @Test(.rule("RATE-1")) func aLimitHasARateAndABurst() {
        #expect(RateLimit(perSecond: 0) == nil)
        #expect(RateLimit(perSecond: 1, burst: 0) == nil)
        #expect(RateLimit(perSecond: 3)?.interval == 333_333_334, "never more than three")
        #expect(RateLimit(perSecond: .max)?.interval == 1)
    }

    private enum Way: CaseIterable {
        case msix, msi, ims
    }

    private struct Machine {
        let tester: TesterMachine
        let clock = TestClock()
        let way: Way

        init(_ way: Way, burst: UInt32) throws {
            self.way = way
            tester = try TesterMachine(
                .init(vectors: 4, messages: MSILayout(messages: 4), slots: 4),
                VectorPool(name: "parent", capacity: 8))
            let limit = try #require(RateLimit(perSecond: 1_000, burst: burst))
            let clock = clock
            tester.endpoint.bus.interrupts.limit(limit) { clock.now }
            tester.endpoint.bus.interrupts.trace = TraceRing(capacity: 256) { clock.now }
            for number in (0..<4).compactMap({ VectorIndex($0) }) {
                for mechanism in InterruptMechanism.allCases {
                    _ = tester.endpoint.bus.interrupts.setBound(mechanism, number, true)
                }
            }
            tester.endpoint.bus.interrupts.setStoreBound(true)
            try enable()
        }

        func enable() throws {
            switch way {
            case .msix: try tester.enableMSIX()
            case .msi:
                let offset = try #require(tester.endpoint.description.offset(of: 0x05))
                tester.endpoint.writeConfig(0x21, at: offset + 2, .word)
            case .ims:
                for slot in 0..<4 { setMask(slot, false) }
            }
        }

        func fire(_ number: Int) {
            tester.set(.fire, UInt64(number) | (way == .ims ? 1 << 31 : 0))
        }

        func setMask(_ number: Int, _ masked: Bool) {
            guard let vector = VectorIndex(number) else { return }
            switch way {
            case .msix:
                tester.endpoint.bus.interrupts.withMSIX {
                    $0.setClientMask(vector, masked, into: &$1)
                }
            case .msi:
                tester.endpoint.bus.interrupts.withMSI {
                    $0.setClientMask(vector, masked, into: &$1)
                }
            case .ims:
                tester.endpoint.writeBAR(
                    masked ? 1 : 0, BARAccess(bar: 4, offset: 16 * number + 12, width: .dword))
            }
        }

        /// What has gone out since the last call.
        func sent() -> [Int] {
            defer { tester.endpoint.bus.interrupts.clearOutbox() }
            let outbox = tester.endpoint.bus.interrupts.outbox
            return outbox.sends.map(\.vector.index) + outbox.storeSends.map(\.slot.index)
        }

        func pass(_ nanoseconds: UInt64) {
            clock.pass(nanoseconds)
            tester.endpoint.bus.interrupts.liftLimits()
        }

        var counts: VectorCounts {
            let interrupts = tester.endpoint.bus.interrupts.function
            switch way {
            case .msix: return interrupts.msix.counts(1)
            case .msi: return interrupts.msi.counts(1)
            case .ims: return tester.endpoint.bus.interrupts.store?.counts(1) ?? VectorCounts()
            }
        }

        var obstacles: Obstacles {
            let interrupts = tester.endpoint.bus.interrupts.function
            switch way {
            case .msix: return interrupts.msix.obstacles(1)
            case .msi: return interrupts.msi.obstacles(1)
            case .ims: return tester.endpoint.bus.interrupts.store?.obstacles(1) ?? []
            }
        }
    }

    @Test(.rules("RATE-1", "RATE-2", "RATE-3", "RATE-4"), arguments: Way.allCases)
    private func aStormIsDeferredAndNothingOfItLost(way: Way) throws {
        let machine = try Machine(way, burst: 2)
        for _ in 0..<10 { machine.fire(1) }
        #expect(machine.sent() == [1, 1])
        #expect(machine.obstacles == .rateLimited)
        machine.fire(2)
        #expect(machine.sent() == [2], "another has its own")
        machine.pass(999_999)
        #expect(machine.sent() == [])
        #expect(machine.tester.endpoint.bus.interrupts.tokenWait == 1)
        machine.pass(1)
        #expect(machine.sent() == [1], "what waited leaves as one")
        #expect(machine.obstacles == .rateLimited, "and has taken the token")
        machine.pass(1_000_000)
        #expect((machine.sent(), machine.obstacles) == ([], []))
        #expect(machine.tester.endpoint.bus.interrupts.nextToken == nil)
        let counts = machine.counts
        #expect([counts.raised, counts.sent, counts.coalesced, counts.deferred] == [10, 3, 7, 1])
        #expect(counts.balances(pending: false))
        let reasons = machine.tester.endpoint.bus.interrupts.trace?.contents.map(\.reason) ?? []
        #expect(reasons.contains(.obstacles(.rateLimited)))
        #expect(reasons.contains(.word(.settled)))
    }

    @Test(.rule("RATE-5"), arguments: Way.allCases)
    private func whatIsUnmaskedTakesATokenToo(way: Way) throws {
        let machine = try Machine(way, burst: 1)
        machine.setMask(1, true)
        machine.fire(1)
        machine.setMask(1, false)
        #expect(machine.sent() == [1])
        machine.fire(1)
        #expect((machine.sent(), machine.obstacles) == ([], .rateLimited))
        machine.setMask(1, true)
        machine.pass(1_000_000)
        #expect((machine.sent(), machine.obstacles) == ([], .vectorMask))
        machine.setMask(1, false)
        #expect(machine.sent() == [1])
        machine.tester.endpoint.bus.interrupts.reset(keepingCauses: false)
        try machine.enable()
        #expect(machine.obstacles.contains(.rateLimited), "a reset forgives nothing")
        #expect(machine.counts.deferred == 1)
    }
}
