/// One PCI function of a machine under qtest, reached as firmware reaches it: configuration space
/// through ports 0xcf8 and 0xcfc (PCI Local Bus 3.0 section 3.2.2.3.2), BARs after `mapBARs()`.
package struct QTestPCIFunction {
    /// Offsets in configuration space that every function has.
    package enum Register {
        package static let vendor = 0x00
        package static let device = 0x02
        package static let command = 0x04
        package static let status = 0x06
        package static let firstBAR = 0x10
        package static let capabilities = 0x34
        package static let interruptPin = 0x3d
    }

    package let qtest: QTest
    package let bus: UInt8
    package let device: UInt8
    package let function: UInt8
    /// Where each implemented BAR lies: a memory address, or a port number for an I/O BAR.
    package private(set) var bars: [Int: UInt64] = [:]

    package init(_ qtest: QTest, bus: UInt8 = 0, device: UInt8, function: UInt8 = 0) {
        self.qtest = qtest
        self.bus = bus
        self.device = device
        self.function = function
    }

    // MARK: Configuration space

    /// Reads 1, 2 or 4 bytes that lie in one aligned group of four.
    package func config(read offset: Int, width: Int) throws(LabError) -> UInt32 {
        let port = try select(offset, width: width)
        return switch width {
        case 1: UInt32(try qtest.inb(port))
        case 2: UInt32(try qtest.inw(port))
        default: try qtest.inl(port)
        }
    }

    /// Writes 1, 2 or 4 bytes that lie in one aligned group of four.
    package func config(write offset: Int, width: Int, _ value: UInt32) throws(LabError) {
        let port = try select(offset, width: width)
        switch width {
        case 1: try qtest.outb(port, UInt8(truncatingIfNeeded: value))
        case 2: try qtest.outw(port, UInt16(truncatingIfNeeded: value))
        default: try qtest.outl(port, value)
        }
    }

    /// All 256 bytes, read as dwords.
    package func configurationSpace() throws(LabError) -> [UInt8] {
        var bytes: [UInt8] = []
        for offset in stride(from: 0, to: 256, by: 4) {
            let dword = try config(read: offset, width: 4)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: dword >> (8 * $0)) }
        }
        return bytes
    }

    /// Where capabilities with an identifier lie, in the order of the list.
    package func capabilities(_ identifier: UInt8) throws(LabError) -> [Int] {
        var found: [Int] = []
        var offset = Int(try config(read: Register.capabilities, width: 1)) & 0xfc
        // The list has room for 48 capabilities: a longer one goes round in a circle.
        for _ in 0..<48 where offset != 0 {
            let header = try config(read: offset, width: 2)
            if UInt8(truncatingIfNeeded: header) == identifier {
                found.append(offset)
            }
            offset = Int(header >> 8) & 0xfc
        }
        return found
    }

    // MARK: BARs

    /// Sizes all BARs, places them, and lets the function decode memory and ports and be bus
    /// master.
    ///
    /// - Parameters:
    ///   - memory: where the first memory BAR may lie; one function per 16 MiB is plenty.
    ///   - ports: where the first I/O BAR may lie.
    package mutating func mapBARs(
        memory: UInt64 = 0xe000_0000, ports: UInt64 = 0xc000,
    ) throws(LabError) {
        var nextMemory = memory
        var nextPort = ports
        var index = 0
        while index < 6 {
            let kind = try config(read: barOffset(index), width: 4)
            let isPort = kind & 1 == 1
            let is64Bit = kind & 7 == 4
            let size = try barSize(index, isPort: isPort, is64Bit: is64Bit)
            if size > 0 {
                let base = isPort ? nextPort : nextMemory
                let address = (base + size - 1) / size * size
                try config(
                    write: barOffset(index), width: 4, UInt32(truncatingIfNeeded: address))
                if is64Bit {
                    try config(
                        write: barOffset(index + 1), width: 4,
                        UInt32(truncatingIfNeeded: address >> 32))
                }
                bars[index] = address
                if isPort { nextPort = address + size } else { nextMemory = address + size }
            }
            index += is64Bit ? 2 : 1
        }
        try setCommand(0x7)
    }

    /// Writes the command register: bit 0 ports, bit 1 memory, bit 2 bus master.
    package func setCommand(_ value: UInt16) throws(LabError) {
        try config(write: Register.command, width: 2, UInt32(value))
    }

    /// A memory BAR's address.
    package func address(ofBAR index: Int) throws(LabError) -> UInt64 {
        guard let address = bars[index] else {
            throw LabError("BAR \(index)", reason: "it has no size, or mapBARs() was not called")
        }
        return address
    }

    private func barOffset(_ index: Int) -> Int { Register.firstBAR + 4 * index }

    private func barSize(_ index: Int, isPort: Bool, is64Bit: Bool) throws(LabError) -> UInt64 {
        try config(write: barOffset(index), width: 4, 0xffff_ffff)
        let low = try config(read: barOffset(index), width: 4) & (isPort ? ~0x3 : ~0xf)
        guard is64Bit else {
            let size = UInt64(~low &+ 1)
            return isPort ? size & 0xffff : size  // an I/O BAR's upper half may be wired to zero
        }
        try config(write: barOffset(index + 1), width: 4, 0xffff_ffff)
        let high = try config(read: barOffset(index + 1), width: 4)
        return ~(UInt64(high) << 32 | UInt64(low)) &+ 1
    }

    private func select(_ offset: Int, width: Int) throws(LabError) -> UInt16 {
        precondition(
            [1, 2, 4].contains(width) && (0..<256).contains(offset) && offset % 4 + width <= 4,
            "an access lies in one aligned dword of the 256 bytes")
        let address =
            0x8000_0000 | UInt32(bus) << 16 | UInt32(device) << 11 | UInt32(function) << 8
            | UInt32(offset & 0xfc)
        try qtest.outl(0xcf8, address)
        return 0xcfc + UInt16(offset & 3)
    }
}
