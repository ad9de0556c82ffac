import MediatedDevices
import TestTraits
import Testing

struct ExtentMapTests {
    /// Every way to have up to three of all parts of a small image, in every order.
    @Test(.rule("SLICE-13")) func partsNeverOverlapAndTheFirstGapIsFound() {
        let capacity: UInt64 = 5
        var parts: [Range<UInt64>] = []
        for start in 0...capacity { for end in start...capacity + 1 { parts.append(start..<end) } }
        for first in parts {
            for second in parts {
                for third in parts { check([first, second, third], capacity) }
            }
        }
    }

    private func check(_ wanted: [Range<UInt64>], _ capacity: UInt64) {
        var map = ExtentMap(capacity: capacity)
        var owners = [Bool](repeating: false, count: Int(capacity))
        for part in wanted {
            let fits =
                part.upperBound <= capacity && part.allSatisfy { !owners[Int($0)] }
            #expect(map.take(part) == fits, "\(wanted)")
            if fits { for byte in part { owners[Int(byte)] = true } }
        }
        for length in 1...capacity + 1 {
            let starts = length > capacity ? [] : Array(0...capacity - length)
            let gap = starts.first { start in
                (start..<start + length).allSatisfy { !owners[Int($0)] }
            }
            #expect(map.free(length) == gap.map { $0..<$0 + length }, "\(wanted) \(length)")
        }
    }
}
