import MachineModels
import PCIConfigSpace
import Registers
import Synchronization

/// Gives BARs their addresses, as firmware does before an operating system runs.
final class AddressAssignment: Sendable {
    /// What is left of a window, and what came back.
    private struct Space {
        var taken: [Range<UInt64>] = []
        let window: Range<UInt64>

        init(_ window: Range<UInt64>) { self.window = window }

        /// The lowest place of `size` bytes, a multiple of them.
        mutating func take(_ size: UInt64) -> UInt64? {
            guard size > 0, size <= UInt64(window.count) else { return nil }
            var start = window.lowerBound
            for range in taken {
                start = (start + size - 1) / size * size
                if start + size <= range.lowerBound { break }
                start = max(start, range.upperBound)
            }
            start = (start + size - 1) / size * size
            guard start + size <= window.upperBound else { return nil }
            taken.append(start..<start + size)
            taken.sort { $0.lowerBound < $1.lowerBound }
            return start
        }
    }

    private struct Spaces {
        var low = Space(MachineLayout.deviceWindow)
        var high = Space(MachineLayout.highDeviceWindow)
        var ports = Space(0x1000..<0x1_0000)
    }

    private let spaces = Mutex(Spaces())

    /// Writes addresses into the BARs of `device`, largest first. Returns where they are, to be
    /// given back with the device, or nil if a window is full; then nothing is taken.
    func assign(_ device: any BusDevice) -> [Range<UInt64>]? {
        var places: [(bar: BAR, range: Range<UInt64>)] = []
        for bar in device.bars.sorted(by: { $0.size > $1.size }) {
            // A page of its own for each: what can be mapped is mapped by pages.
            let size = bar.space == .io ? bar.size : max(bar.size, 4096)
            let start = spaces.withLock { spaces in
                switch bar.space {
                case .io: spaces.ports.take(size)
                case .memory32: spaces.low.take(size)
                case .memory64: spaces.high.take(size)
                }
            }
            guard let start else {
                giveBack(places.map(\.range))
                return nil
            }
            places.append((bar, start..<start + size))
        }
        for (bar, range) in places {
            let register = 0x10 + 4 * bar.index
            device.writeConfig(range.lowerBound & 0xffff_ffff, at: register, .dword)
            if case .memory64 = bar.space {
                device.writeConfig(range.lowerBound >> 32, at: register + 4, .dword)
            }
        }
        return places.map(\.range)
    }

    /// Frees what a device had.
    func giveBack(_ ranges: [Range<UInt64>]) {
        let gone = Set(ranges)
        spaces.withLock { spaces in
            spaces.low.taken.removeAll { gone.contains($0) }
            spaces.high.taken.removeAll { gone.contains($0) }
            spaces.ports.taken.removeAll { gone.contains($0) }
        }
    }
}
