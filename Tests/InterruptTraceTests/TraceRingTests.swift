import Foundation
import IRQDomains
import InterruptTrace
import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// The ring of the last events, and their text form.
struct TraceRingTests {
    /// Every capacity up to 9 with every number of events up to 40.
    @Test(.rule("TRACE-1")) func aRingKeepsTheLastEventsInOrderAndCountsTheOthers() {
        for capacity in 1...9 {
            var ring = TraceRing(capacity: capacity)
            for count in 0...40 {
                let kept = max(0, count - capacity)..<count
                #expect(ring.contents.map(\.sequence) == kept.map(UInt64.init))
                #expect(ring.contents.map(\.vector) == kept.map(UInt16.init))
                #expect(ring.lost == UInt64(kept.lowerBound))
                #expect(ring.nextSequence == UInt64(count))
                for first in 0...41 {
                    let later = ring.contents(from: UInt64(first)).map(\.sequence)
                    #expect(later == kept.filter { $0 >= first }.map(UInt64.init))
                }
                ring.record(.send, vector: UInt16(count))
            }
        }
    }

    @Test(.rule("TRACE-2")) func anEventIsOneLine() {
        var time: UInt64 = 1000
        let clock = TestClock()
        var ring = TraceRing(capacity: 4) { clock.next() }
        ring.record(.pend, vector: 3, .obstacles([.disabled, .vectorMask]))
        ring.record(.send, vector: 0)
        ring.record(.reset, .word(.function))
        ring.record(.oddAccess, .word(.undecoded))
        let lines = [
            "pend vector=3 reason=disabled+vector-mask", "send vector=0",
            "reset reason=function", "odd-access reason=undecoded",
        ]
        for (number, line) in lines.enumerated() {
            time += 10
            #expect(ring.contents[number].description == "\(number) \(time) \(line)")
        }
    }

    /// Every kind with every reason, with and without a vector.
    @Test(.rule("TRACE-2")) func everyEventIsReadAsItWasWritten() {
        let reasons: [TraceReason] =
            [.none] + TraceWord.allCases.map { .word($0) }
            + DiscardReason.allCases.map { .discarded($0) }
            + (1..<1 << Obstacles.names.count).map {
                .obstacles(Obstacles(rawValue: UInt16($0)))
            }
        #expect(Set(reasons.map(\.description)).count == reasons.count)
        for kind in TraceEvent.Kind.allCases {
            for reason in reasons {
                for vector in [nil, 0, 2047] as [UInt16?] {
                    let event = TraceEvent(
                        sequence: .max, nanoseconds: 7, kind, vector: vector, reason)
                    if TraceEvent(event.description) != event { Issue.record("\(event)") }
                }
            }
        }
    }

    @Test(
        .rule("TRACE-2"),
        arguments: [
            "", "0", "0 1", "0 1 sing", "x 1 send", "0 -1 send", "0 1 send vector=",
            "0 1 send vector=-1",
            "0 1 send vector=65536", "0 1 send vector=1 vector=2", "0 1 send reason=mood",
            "0 1 send reason=disabled+mood", "0 1 send reason=+", "0 1 send colour=red",
        ])
    func whatIsNoEventIsNotRead(line: String) {
        #expect(TraceEvent(line) == nil)
    }

    @Test(.rule("TRACE-3")) func everyRefusalOfAParentHasAWord() {
        let refusals: [VectorRefusal] =
            [
                .exhausted(capacity: 0, holders: [:]), .limited(limit: 0),
                .setAside(free: 0, capacity: 0, holders: [:]), .rehearsed(remaining: 0),
            ]
            + DomainRefusal.Domain.allCases.map { domain in
                var chain = DomainChain(root: .counted(CountedDomain(domain, capacity: 0)))
                do throws(DomainRefusal) {
                    _ = try chain.allocate(for: "a", from: RequesterID(0))
                    return .rehearsed(remaining: 0)
                } catch { return .domain(error) }
            }
        for refusal in refusals { #expect(TraceWord(rawValue: refusal.code) != nil, "\(refusal)") }
        for fault in DMAFault.allCases {
            #expect(TraceWord(rawValue: fault.rawValue) != nil, "\(fault)")
        }
    }

    @Test(.rule("TRACE-3")) func thePageHasEveryKindAndEveryWord() throws {
        let page = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../docs/specifications/trace.md"), encoding: .utf8)
        for kind in TraceEvent.Kind.allCases { #expect(page.contains("| `\(kind.rawValue)` |")) }
        for word in TraceWord.allCases { #expect(page.contains("`\(word.rawValue)`")) }
        let names = TraceEvent.Kind.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0 == "-" || ("a"..."z").contains($0) } })
    }
}
