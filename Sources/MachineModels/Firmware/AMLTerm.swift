import Registers

/// A term of the ACPI Machine Language, as far as a description of devices needs it
/// (ACPI 6.5 §20.2).
package indirect enum AMLTerm: Hashable, Sendable {
    /// An integer, in the shortest encoding (§20.2.3).
    case integer(UInt64)
    /// A string of ASCII characters without NUL (§20.2.3).
    case string(String)
    /// The identifier of a device, such as PNP0501: compressed if it is an EISA identifier, else a
    /// string (§6.1.5, §19.3.4).
    case identifier(String)
    /// Bytes (§20.2.5.4).
    case buffer([UInt8])
    /// At most 255 elements (§20.2.5.4).
    case package([AMLTerm])
    /// A reference to what has this name, such as `LNKA` or `\_SB.PCI0` (§20.2.2).
    case reference(String)
    /// An object of this name, made by `Name` (§20.2.5.1).
    case name(String, AMLTerm)
    /// `Scope`: terms in the namespace of what exists by this name (§20.2.5.1).
    case scope(String, [AMLTerm])
    /// `Device` (§20.2.5.2).
    case device(String, [AMLTerm])
    /// A method that takes so many arguments, at most seven, and does nothing (§20.2.5.2).
    case emptyMethod(String, arguments: UInt8)

    /// As the specification encodes it.
    package var bytes: [UInt8] {
        switch self {
        case .integer(let value): Self.encoded(value)
        case .string(let text): [0x0d] + Array(text.utf8) + [0]
        case .identifier(let text):
            Self.compressed(text).map { Self.encoded(UInt64($0)) } ?? AMLTerm.string(text).bytes
        case .buffer(let bytes):
            [0x11] + Self.sized(Self.encoded(UInt64(bytes.count)) + bytes)
        case .package(let elements):
            [0x12] + Self.sized([UInt8(elements.count)] + elements.flatMap(\.bytes))
        case .reference(let name): Self.encoded(name: name)
        case .name(let name, let value): [0x08] + Self.encoded(name: name) + value.bytes
        case .scope(let name, let terms):
            [0x10] + Self.sized(Self.encoded(name: name) + terms.flatMap(\.bytes))
        case .device(let name, let terms):
            [0x5b, 0x82] + Self.sized(Self.encoded(name: name) + terms.flatMap(\.bytes))
        case .emptyMethod(let name, let arguments):
            [0x14] + Self.sized(Self.encoded(name: name) + [arguments & 7])
        }
    }

    private static func encoded(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        switch value {
        case 0, 1: bytes.append(UInt8(value))
        case ...0xff: bytes += [0x0a, UInt8(value)]
        case ...0xffff:
            bytes.append(0x0b)
            bytes.appendLittleEndian(UInt16(value))
        case ...0xffff_ffff:
            bytes.append(0x0c)
            bytes.appendLittleEndian(UInt32(value))
        default:
            bytes.append(0x0e)
            bytes.appendLittleEndian(value)
        }
        return bytes
    }

    /// The four bytes of an EISA identifier as the integer that holds them; nil if `text` is none:
    /// three capital letters and four hexadecimal digits.
    private static func compressed(_ text: String) -> UInt32? {
        let letters = text.utf8.prefix(3)
        guard text.utf8.count == 7, letters.allSatisfy({ (0x41...0x5a).contains($0) }),
            let number = UInt16(text.dropFirst(3), radix: 16)
        else { return nil }
        let vendor = letters.reduce(UInt32(0)) { $0 << 5 | UInt32($1 - 0x40) }
        return (vendor << 16 | UInt32(number)).byteSwapped
    }

    /// A name string: `\` if it is absolute, then segments of four characters (§20.2.2).
    private static func encoded(name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Substring(name)
        if rest.first == "\\" {
            bytes.append(0x5c)
            rest = rest.dropFirst()
        }
        let segments = rest.split(separator: ".")
        switch segments.count {
        case 0: return bytes + [0]
        case 1: break
        case 2: bytes.append(0x2e)
        default: bytes += [0x2f, UInt8(segments.count)]
        }
        for segment in segments {
            let characters = segment.utf8.prefix(4)
            bytes += characters + Array(repeating: 0x5f, count: 4 - characters.count)
        }
        return bytes
    }

    /// `content` after the package length, which counts its own one to four bytes (§20.2.4).
    private static func sized(_ content: [UInt8]) -> [UInt8] {
        if content.count < 63 { return [UInt8(content.count + 1)] + content }
        let more = (1...3).first { content.count + $0 < 1 << (8 * $0 + 4) } ?? 3
        let length = content.count + 1 + more
        let rest = (0..<more).map { UInt8(truncatingIfNeeded: length >> (8 * $0 + 4)) }
        return [UInt8(more << 6 | length & 0xf)] + rest + content
    }
}
