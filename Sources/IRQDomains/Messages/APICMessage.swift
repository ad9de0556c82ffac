public import PlatformTypes

/// A message to a local APIC, decoded (Intel SDM volume 3, 11.11, Message Signalled Interrupts).
///
/// Two messages are the same interrupt only if all of it is the same: a vector belongs to its
/// destination, and to its delivery mode.
public struct APICMessage: Hashable, Sendable, CustomStringConvertible {
    /// How wide a destination can be, and where its bits are.
    public enum DestinationFormat: String, Sendable, CaseIterable {
        /// 8 bits, in address bits 19:12.
        case xapic
        /// 15 bits: bits 14:8 in address bits 11:5, as hypervisors agree with their guests.
        case extended
        /// 32 bits: bits 31:8 in address bits 63:40, as KVM takes messages for x2APIC.
        case x2apic

        /// The widest destination.
        public var limit: UInt32 {
            switch self {
            case .xapic: 0xff
            case .extended: 0x7fff
            case .x2apic: .max
            }
        }
    }

    /// What a processor does with the message.
    public enum DeliveryMode: UInt8, Sendable, CaseIterable {
        /// It takes the vector.
        case fixed = 0
        /// That of the addressed processors with the lowest priority takes the vector.
        case lowestPriority = 1
        /// System management interrupt.
        case smi = 2
        /// Non-maskable interrupt.
        case nmi = 4
        /// Initialization.
        case initialize = 5
        /// As from an external interrupt controller.
        case external = 7

        /// Whether it can deliver `vector` (Intel SDM volume 3, 11.5.2).
        func delivers(_ vector: UInt8) -> Bool {
            vector >= 16 || self != .fixed && self != .lowestPriority
        }
    }

    /// Which processors, as `isLogical` says.
    public let destination: UInt32
    /// Whether the destination is a logical one.
    public let isLogical: Bool
    /// Redirection hint: whether one of the addressed processors may be chosen.
    public let isRedirectable: Bool
    /// What they do.
    public let delivery: DeliveryMode
    /// The vector; 16...255 with `fixed` and `lowestPriority`.
    public let vector: UInt8
    /// Whether it is level-triggered, and which level it states; nil if edge-triggered.
    public let level: Bool?

    /// A message of these parts; nil if the vector is one that the mode cannot deliver.
    public init?(
        destination: UInt32, isLogical: Bool = false, isRedirectable: Bool = false,
        delivery: DeliveryMode = .fixed, vector: UInt8, level: Bool? = nil
    ) {
        guard delivery.delivers(vector) else { return nil }
        self.destination = destination
        self.isLogical = isLogical
        self.isRedirectable = isRedirectable
        self.delivery = delivery
        self.vector = vector
        self.level = level
    }

    /// The decoded `message`.
    ///
    /// Returns nil if it is none to an APIC: another address, remappable format, a reserved
    /// delivery mode, or a vector that cannot be delivered.
    public init?(_ message: MSIMessage, _ format: DestinationFormat) {
        let low = UInt32(truncatingIfNeeded: message.address)
        let high = UInt32(truncatingIfNeeded: message.address >> 32)
        guard low >> 20 == 0xfee, low >> 4 & 1 == 0,
            high == 0 || format == .x2apic && high & 0xff == 0,
            let delivery = DeliveryMode(rawValue: UInt8(message.data >> 8 & 7))
        else { return nil }
        var destination = low >> 12 & 0xff
        switch format {
        case .xapic: break
        case .extended: destination |= (low >> 5 & 0x7f) << 8
        case .x2apic: destination |= high
        }
        self.init(
            destination: destination, isLogical: low >> 2 & 1 == 1,
            isRedirectable: low >> 3 & 1 == 1, delivery: delivery,
            vector: UInt8(truncatingIfNeeded: message.data),
            level: message.data >> 15 & 1 == 1 ? message.data >> 14 & 1 == 1 : nil)
    }

    /// As it is written into a table; nil if the destination is too wide for `format`.
    public func message(_ format: DestinationFormat) -> MSIMessage? {
        guard destination <= format.limit else { return nil }
        var address: UInt64 = 0xfee0_0000 | UInt64(destination & 0xff) << 12
        switch format {
        case .xapic: break
        case .extended: address |= UInt64(destination >> 8) << 5
        case .x2apic: address |= UInt64(destination & ~0xff) << 32
        }
        if isRedirectable { address |= 1 << 3 }
        if isLogical { address |= 1 << 2 }
        var data = UInt32(vector) | UInt32(delivery.rawValue) << 8
        if let level { data |= 1 << 15 | (level ? 1 << 14 : 0) }
        return MSIMessage(address: address, data: data)
    }

    /// In words, for logs and reports.
    public var description: String {
        "\(delivery) vector 0x\(String(vector, radix: 16)) to "
            + (isLogical ? "logical " : "") + "0x\(String(destination, radix: 16))"
            + (isRedirectable ? ", redirectable" : "")
            + (level.map { $0 ? ", level asserted" : ", level deasserted" } ?? "")
    }
}
