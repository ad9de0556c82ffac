import LinuxKernel
import PlatformTypes
import Registers
import VFIOInterface
import VFIOUserServer

/// A client's memory map against a list of ranges that is searched from end to end.
enum DMAMapFuzzing {
    private struct Known {
        let range: ClosedRange<UInt64>
        let isWritable: Bool
        let hasMemory: Bool
    }

    /// One page of memory for every region that has any.
    private static let page: MappedMemory? = {
        guard let file = try? MemoryFile(name: "fuzz", size: 4096, sealShrink: true) else {
            return nil
        }
        return try? MappedMemory(
            descriptor: file.raw, offset: 0, length: 4096, access: .readWrite, subject: "fuzz")
    }()

    private static let limit = 6

    static func run(_ input: inout FuzzInput) -> String? {
        let map = DMAMap(limit: limit)
        var known: [Known] = []
        while input.hasMore {
            let law: String?
            switch input.number(below: 4) {
            case 0, 1: law = add(&input, map, &known)
            case 2: law = remove(&input, map, &known)
            default: law = access(&input, map, known)
            }
            if let law { return law }
            if map.count != known.count { return "\(map.count) regions, not \(known.count)" }
        }
        map.removeAll()
        return map.count == 0 ? nil : "regions after removeAll"
    }

    /// Ranges among few places, so that they meet, and sometimes at the end of the address space.
    private static func range(_ input: inout FuzzInput) -> ClosedRange<UInt64> {
        let base = UInt64(input.byte() & 0x3f) << 8
        let start = input.byte() & 7 == 7 ? UInt64.max - 0xffff + base : base
        let length = min(UInt64(1 + input.number(below: 16)) << 8, 4096)
        let (end, overflow) = start.addingReportingOverflow(length - 1)
        return start...(overflow ? UInt64.max : end)
    }

    private static func add(
        _ input: inout FuzzInput, _ map: DMAMap, _ known: inout [Known]
    ) -> String? {
        let range = range(&input)
        let entry = Known(range: range, isWritable: input.flag(), hasMemory: input.flag())
        let same = known.firstIndex { $0.range == range }
        let overlaps = known.contains { $0.range.overlaps(range) }
        let allowed = same != nil || (!overlaps && known.count < limit)
        if (map.canMap(range) == nil) != allowed { return "canMap of \(range) is wrong" }
        do throws(DMAMap.Refusal) {
            try map.map(
                range, access: entry.isWritable ? [.read, .write] : .read,
                memory: entry.hasMemory ? page : nil)
            guard allowed else { return "\(range) was mapped" }
            if let same { known[same] = entry } else { known.append(entry) }
        } catch { return allowed ? "\(range) was refused: \(error)" : nil }
        return nil
    }

    private static func remove(
        _ input: inout FuzzInput, _ map: DMAMap, _ known: inout [Known]
    ) -> String? {
        let first = range(&input)
        let second = range(&input)
        let whole =
            min(first.lowerBound, second.lowerBound)...max(first.upperBound, second.upperBound)
        let touched = known.filter { $0.range.overlaps(whole) }
        let cuts = touched.contains {
            $0.range.lowerBound < whole.lowerBound || $0.range.upperBound > whole.upperBound
        }
        do throws(DMAMap.Refusal) {
            let count = try map.unmap(whole)
            guard !cuts, count == touched.count else { return "unmapped \(count) in \(whole)" }
            known.removeAll { $0.range.overlaps(whole) }
        } catch { return cuts ? nil : "\(whole) was refused: \(error)" }
        return nil
    }

    private static func access(
        _ input: inout FuzzInput, _ map: DMAMap, _ known: [Known]
    ) -> String? {
        let target = range(&input)
        let count = min(target.upperBound - target.lowerBound, 511) + 1
        let writes = input.flag()
        let reachable = covers(known, target.lowerBound, count, writes)
        var bytes = [UInt8](repeating: 0x5a, count: Int(count))
        do throws(DMAFault) {
            if writes {
                try bytes.withRawSpan { span throws(DMAFault) in
                    try map.copyOut(span, to: IOVA(target.lowerBound))
                }
            } else {
                try bytes.withMutableRawSpan { span throws(DMAFault) in
                    try map.copyIn(from: IOVA(target.lowerBound), into: &span)
                }
            }
            return reachable ? nil : "\(target) was reached"
        } catch { return reachable ? "\(target) was not reached: \(error)" : nil }
    }

    private static func covers(
        _ known: [Known], _ start: UInt64, _ count: UInt64, _ writes: Bool
    ) -> Bool {
        (0..<count).allSatisfy { step in
            let (address, overflow) = start.addingReportingOverflow(step)
            return !overflow
                && known.contains {
                    $0.range.contains(address) && $0.hasMemory && ($0.isWritable || !writes)
                }
        }
    }
}
