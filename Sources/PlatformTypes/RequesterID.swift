/// Who sends a message: bus, device and function (PCIe 6.0 §2.2.4.2).
public struct RequesterID: Hashable, Sendable, CustomStringConvertible {
    /// The number as it stands in a packet.
    public let rawValue: UInt16

    /// The function whose number is `rawValue`.
    public init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// The function of a device on a bus; nil unless `device` is in 0...31 and `function` in 0...7.
    public init?(bus: UInt8, device: Int, function: Int) {
        guard (0...31).contains(device), (0...7).contains(function) else { return nil }
        rawValue = UInt16(bus) << 8 | UInt16(device) << 3 | UInt16(function)
    }

    /// As functions are written: "00:1f.3".
    public var description: String {
        func hex(_ value: UInt16) -> String {
            (value < 16 ? "0" : "") + String(value, radix: 16)
        }
        return "\(hex(rawValue >> 8)):\(hex(rawValue >> 3 & 31)).\(rawValue & 7)"
    }
}
