import KVM
import LinuxKernel
import VFIOInterface
import VFIOUserClient

/// A part of a BAR that the guest reaches without an exit: memory of the device's, shown where the
/// BAR decodes.
struct MappedWindow: ~Copyable {
    let bar: Int
    private let memory: MappedMemory
    private let area: Range<Int>
    private let slot: Int
    private let parts: MachineParts
    private var address: UInt64?
    /// Where it was to be shown last, be it that the kernel refused.
    private var wanted: UInt64?

    init(bar: Int, _ memory: MappedMemory, _ area: Range<Int>, _ parts: MachineParts) {
        self.bar = bar
        self.memory = memory
        self.area = area
        self.parts = parts
        slot = parts.slots.take()
    }

    /// Shows it no more unless the BAR begins at `base`; all that move do so before one is shown.
    mutating func leave(unlessAt base: UInt64?) {
        guard base.map({ $0 &+ UInt64(area.lowerBound) }) != address, address != nil else { return }
        parts.machine.unmap(slot: slot)
        address = nil
    }

    /// Shows it where the BAR begins at `base`. A place that the kernel refuses, because memory is
    /// there, is tried once.
    mutating func show(at base: UInt64?) throws(HostError) {
        let next = base.map { $0 &+ UInt64(area.lowerBound) }
        guard next != wanted else { return }
        wanted = next
        guard let next else { return }
        try parts.machine.map(memory, area, at: next, slot: slot)
        address = next
    }

    deinit {
        if address != nil { parts.machine.unmap(slot: slot) }
        parts.slots.giveBack(slot)
    }

    /// Which parts of the device's BARs can be shown: those that it offers, without the pages of
    /// the MSI-X table and the Pending Bit Array, which are the machine's.
    static func areas(
        _ offered: [SparseMmapArea], bar: Int, size: Int, _ function: RemoteFunction
    ) -> [Range<Int>] {
        var kept = [function.msix?.table, function.msix?.pending].compactMap { $0 }
            .filter { $0.bar == bar }
            .map { $0.bytes.lowerBound & ~4095..<($0.bytes.upperBound + 4095) & ~4095 }
        kept.sort { $0.lowerBound < $1.lowerBound }
        let whole = offered.isEmpty ? [0..<size & ~4095] : offered.map { Self.pages($0, size) }
        let ordered = whole.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        // The kernel's slots are for all devices. What is more, or not apart, is read by messages.
        guard ordered.count <= mostAreas,
            zip(ordered, ordered.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound })
        else { return [] }
        return ordered.flatMap { area in
            var free: [Range<Int>] = []
            var start = area.lowerBound
            for range in kept where range.overlaps(area) {
                if start < range.lowerBound { free.append(start..<range.lowerBound) }
                start = max(start, range.upperBound)
            }
            if start < area.upperBound { free.append(start..<area.upperBound) }
            return free
        }
    }

    private static let mostAreas = 16

    private static func pages(_ area: SparseMmapArea, _ size: Int) -> Range<Int> {
        let start = min(Int(clamping: area.offset), size)
        let end = start + min(Int(clamping: area.size), size - start)
        let first = (start + 4095) & ~4095
        return first..<max(first, end & ~4095)
    }
}
