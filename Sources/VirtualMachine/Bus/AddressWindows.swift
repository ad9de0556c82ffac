import PCIConfigSpace

/// Which BAR answers at which address, for all devices of a bus.
struct AddressWindows: Sendable {
    /// One BAR where it decodes.
    struct Window: Hashable, Sendable {
        let addresses: Range<UInt64>
        let slot: Int
        let bar: Int
    }

    private var memory: [Window] = []
    private var ports: [Window] = []

    /// Replaces the windows of `slot`.
    mutating func set(_ slot: Int, _ windows: [(bar: BAR, address: UInt64)]) {
        memory.removeAll { $0.slot == slot }
        ports.removeAll { $0.slot == slot }
        for (bar, address) in windows where address <= UInt64.max - bar.size {
            let window = Window(
                addresses: address..<address + bar.size, slot: slot, bar: bar.index)
            if bar.space == .io { ports.append(window) } else { memory.append(window) }
        }
    }

    /// The window that all of `count` bytes at `address` lie in.
    func memory(at address: UInt64, _ count: Int) -> Window? { Self.find(memory, address, count) }

    /// The window of ports that all of `count` bytes at `port` lie in.
    func ports(at port: UInt64, _ count: Int) -> Window? { Self.find(ports, port, count) }

    private static func find(_ windows: [Window], _ address: UInt64, _ count: Int) -> Window? {
        windows.first {
            $0.addresses.contains(address)
                && UInt64(count) <= $0.addresses.upperBound - address
        }
    }
}
