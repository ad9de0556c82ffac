import InterruptTrace
import TestTraits
import Testing

/// The ring of the last events.
struct TraceRingTests {
    /// Every capacity up to 9 with every number of events up to 40.
    @Test func aRingKeepsTheLastEventsInOrderAndCountsTheOthers() {
        for capacity in 1...9 {
            var ring = TraceRing(capacity: capacity)
            for count in 0...40 {
                let kept = max(0, count - capacity)..<count
                #expect(ring.contents.map(\.sequence) == kept.map(UInt64.init))
                #expect(ring.contents.map(\.vector) == kept.map(UInt16.init))
                #expect(ring.lost == UInt64(kept.lowerBound))
                ring.record(.raise, vector: UInt16(count))
            }
        }
    }

    @Test func anEventIsOneLineOfItsNumberKindVectorAndReason() {
        var ring = TraceRing(capacity: 4)
        ring.record(.pend, vector: 3, reason: "disabled+vector-mask")
        ring.record(.send, vector: 0)
        ring.record(.reset)
        ring.record(.oddAccess, reason: "table")
        #expect(
            ring.contents.map(\.description) == [
                "0 pend vector=3 reason=disabled+vector-mask", "1 send vector=0", "2 reset",
                "3 odd-access reason=table",
            ])
    }

    @Test func everyKindHasANameOfItsOwnInLowerCase() {
        let names = TraceEvent.Kind.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0 == "-" || ("a"..."z").contains($0) } })
    }
}
