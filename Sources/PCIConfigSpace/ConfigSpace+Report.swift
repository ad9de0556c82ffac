import Registers

/// Configuration space in words, and in the form that pciutils reads.
extension ConfigSpace {
    /// Every register that is not zero, by its specification's name, one a line; for reports.
    public func describe() -> String {
        var lines = [
            "configuration space of \(bytes.count) bytes, power state \(powerState)"
        ]
        for bar in function.bars { lines.append("  \(describe(bar))") }
        for block in layout.blocks {
            lines.append("\(Self.hex(block.offset)) \(block.title)")
            for register in block.registers {
                let first = block.offset + register.offset
                guard !block.opaqueBody.contains(first) else { continue }
                let value = load(first..<first + register.layout.width.bytes)
                if value != 0 { lines.append("  \(register.layout.describe(value))") }
            }
            if !block.opaqueBody.isEmpty {
                let body = bytes[block.opaqueBody].map { Self.hexByte($0) }
                lines.append("  Body=[\(body.joined(separator: " "))]")
            }
        }
        if oddAccesses != OddAccesses() {
            lines.append("beyond the end: \(oddAccesses.reads) reads, \(oddAccesses.writes) writes")
        }
        return lines.joined(separator: "\n")
    }

    /// A dump that `lspci -F` decodes, as `lspci -xxxx` prints it.
    ///
    /// - Parameter slot: the function's address, such as `00:00.0`.
    public func lspciDump(slot: String = "00:00.0") -> String {
        let code = function.identity.classCode
        let title =
            "Class \(Self.hexByte(code.baseClass))\(Self.hexByte(code.subClass)): "
            + "Device \(Self.hexWord(function.identity.vendor))"
            + ":\(Self.hexWord(function.identity.device))"
        var lines = ["\(slot) \(title)"]
        for row in stride(from: 0, to: bytes.count, by: 16) {
            let offset = String(row, radix: 16)
            let padded = offset.count < 2 ? "0" + offset : offset
            let values = bytes[row..<row + 16].map { Self.hexByte($0) }
            lines.append("\(padded): \(values.joined(separator: " "))")
        }
        return lines.joined(separator: "\n") + "\n\n"
    }

    private func describe(_ bar: BAR) -> String {
        let kind =
            switch bar.space {
            case .memory32(let prefetchable):
                prefetchable ? "32-bit prefetchable memory" : "32-bit memory"
            case .memory64(let prefetchable):
                prefetchable ? "64-bit prefetchable memory" : "64-bit memory"
            case .io: "I/O"
            }
        let place = barAddress(bar.index).map { "at 0x\(String($0, radix: 16))" } ?? "not decoding"
        return "BAR \(bar.index): \(kind), 0x\(String(bar.size, radix: 16)) bytes, \(place)"
    }

    private static func hex(_ value: Int) -> String { "0x" + String(value, radix: 16) }

    private static func hexByte(_ value: UInt8) -> String {
        (value < 16 ? "0" : "") + String(value, radix: 16)
    }

    private static func hexWord(_ value: UInt16) -> String {
        hexByte(UInt8(value >> 8)) + hexByte(UInt8(truncatingIfNeeded: value))
    }
}
