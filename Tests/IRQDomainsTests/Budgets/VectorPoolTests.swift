import Dispatch
import Foundation
import IRQDomains
import Synchronization
import TestTraits
import Testing

/// Leases: who gets one, who is refused and how, and when they come back.
struct VectorPoolTests {
    /// Three holders that each take or return one lease, capacity 2: all 6⁵ = 7,776 orders.
    @Test(.rules("VEC-1", "VEC-2", "VEC-3"))
    func everyOrderOfTakingAndReturningKeepsTheFigures() {
        for order in 0..<7_776 {
            let pool = VectorPool(name: "parent", capacity: 2)
            let holders = ["a", "b", "c"].map(Holder.init)
            var rest = order
            for _ in 0..<5 {
                let holder = holders[rest % 3]
                let before = holders.filter(\.holds).count
                if rest % 6 < 3 {
                    let refusal = holder.take(from: pool)
                    let names = Dictionary(
                        uniqueKeysWithValues: holders.filter(\.holds).map { ($0.name, 1) })
                    let isFull = before == 2 && !holder.heldBefore
                    let expected: VectorRefusal? =
                        isFull ? .exhausted(capacity: 2, holders: names) : nil
                    if refusal != expected { Issue.record("order \(order): \(refusal as Any)") }
                } else {
                    holder.giveBack()
                }
                let held = holders.filter(\.holds).count
                if pool.figures.held != held || pool.figures.available != 2 - held {
                    Issue.record("order \(order): \(pool.figures)")
                }
                rest /= 6
            }
        }
        #expect(VectorPool(name: "parent", capacity: 2).figures.available == 2)
    }

    @Test(.rule("VEC-2"))
    func aLeaseComesBackWhenItsScopeEnds() throws {
        let pool = VectorPool(name: "parent", capacity: 1)
        do {
            let lease = try pool.reserve(for: "a")
            #expect(pool.figures.held == 1)
            #expect(throws: VectorRefusal.exhausted(capacity: 1, holders: ["a": 1])) {
                _ = try pool.reserve(for: "b")
            }
            _ = consume lease
        }
        #expect(pool.figures.held == 0)
        #expect(pool.figures.refused == 1)
    }

    @Test(.rules("VEC-3", "VEC-7"))
    func aRefusalNamesWhoHoldsTheVectors() throws {
        let pool = VectorPool(name: "parent", capacity: 3)
        let first = try pool.reserve(for: "beta")
        let second = try pool.reserve(for: "alpha")
        let third = try pool.reserve(for: "beta")
        do throws(VectorRefusal) {
            _ = try pool.reserve(for: "gamma")
            Issue.record("a fourth lease of three")
        } catch {
            #expect(error.code == "VECTOR-EXHAUSTED")
            #expect(
                error.description
                    == "no vector left of 3: alpha holds 1, beta holds 2 [VECTOR-EXHAUSTED]")
        }
        _ = consume first
        _ = consume second
        _ = consume third
    }

    @Test(.rules("VEC-3", "VEC-7"))
    func aParentWithoutVectorsRefusesEveryone() {
        let pool = VectorPool(name: "parent", capacity: 0)
        let refusal = #expect(throws: VectorRefusal.self) { _ = try pool.reserve(for: "a") }
        #expect(
            refusal?.description == "no vector left of 0: the parent has none [VECTOR-EXHAUSTED]")
    }

    @Test(.rules("VEC-4", "VEC-7"))
    func aDrillRefusesAsOftenAsToldAndThenNoMore() throws {
        let pool = VectorPool(name: "parent", capacity: 8, refusing: 2)
        for remaining in [1, 0] {
            let refusal = #expect(throws: VectorRefusal.self) { _ = try pool.reserve(for: "a") }
            #expect(refusal == .rehearsed(remaining: remaining))
            #expect(refusal?.code == "VECTOR-DRILL")
        }
        let lease = try pool.reserve(for: "a")
        pool.rehearse(refusals: 1)
        #expect(throws: VectorRefusal.rehearsed(remaining: 0)) { _ = try pool.reserve(for: "a") }
        #expect(
            VectorRefusal.rehearsed(remaining: 3).description
                == "refused for a drill, 3 more to come [VECTOR-DRILL]")
        #expect(pool.figures.granted == 1)
        #expect(pool.figures.refused == 3)
        _ = consume lease
    }

    @Test(.rules("VEC-1", "VEC-5", "VEC-6"))
    func eightThreadsNeverHoldMoreThanThereIs() {
        let pool = VectorPool(name: "parent", capacity: 3)
        let gauge = Gauge()
        let gate = DispatchSemaphore(value: 0)
        let finished = DispatchGroup()
        for number in 0..<8 {
            finished.enter()
            Thread {
                gate.wait()
                for _ in 0..<1_000 { gauge.use(pool, as: "holder \(number)") }
                finished.leave()
            }.start()
        }
        for _ in 0..<8 { gate.signal() }
        finished.wait()
        #expect(gauge.highest.load(ordering: .relaxed) <= 3)
        #expect(pool.figures.held == 0)
        #expect(pool.figures.granted == UInt64(gauge.granted.load(ordering: .relaxed)))
        #expect(pool.figures.granted + pool.figures.refused == 8_000)
    }

    private final class Holder {
        let name: String
        private(set) var heldBefore = false
        private var lease: VectorLease?

        init(name: String) { self.name = name }

        var holds: Bool {
            switch lease {
            case .some: true
            case .none: false
            }
        }

        /// Takes a lease unless one is held; returns the refusal.
        func take(from pool: VectorPool) -> VectorRefusal? {
            heldBefore = holds
            guard !holds else { return nil }
            do throws(VectorRefusal) {
                lease = try pool.reserve(for: name)
                return nil
            } catch {
                return error
            }
        }

        func giveBack() { lease = nil }
    }

    /// How many leases were out at once, counted by those who held them.
    private final class Gauge: Sendable {
        let current = Atomic<Int>(0)
        let highest = Atomic<Int>(0)
        let granted = Atomic<Int>(0)

        func use(_ pool: VectorPool, as holder: String) {
            guard let lease = try? pool.reserve(for: holder) else { return }
            let now = current.add(1, ordering: .sequentiallyConsistent).newValue
            highest.max(now, ordering: .relaxed)
            granted.add(1, ordering: .relaxed)
            current.subtract(1, ordering: .sequentiallyConsistent)
            _ = consume lease
        }
    }
}
