public import PlatformTypes

/// What a message that a guest has programmed comes to on a machine of ours.
///
/// It is decided before a message reaches the kernel, which takes more than it should: messages to
/// any address, and with vectors that no processor delivers.
public enum MessageDisposition: Hashable, Sendable {
    /// It is an interrupt.
    case interrupt
    /// Its address is not that of the local APICs: a write of its data to memory.
    case memory
    /// It is nothing that can be delivered.
    case refused(MessageFault)

    /// What `message` comes to, where destinations have `format`.
    public init(_ message: MSIMessage, _ format: APICMessage.DestinationFormat) {
        let low = UInt32(truncatingIfNeeded: message.address)
        let high = UInt32(truncatingIfNeeded: message.address >> 32)
        // In KVM's wide format the upper half has destination bits and no address bits.
        guard low >> 20 == 0xfee, high == 0 || format == .x2apic else {
            self = .memory
            return
        }
        if low >> 4 & 1 == 1 {
            self = .refused(.remappable)
        } else if high & 0xff != 0 {
            self = .refused(.reservedAddress)
        } else if let mode = APICMessage.DeliveryMode(rawValue: UInt8(message.data >> 8 & 7)) {
            let vector = UInt8(truncatingIfNeeded: message.data)
            self = mode.delivers(vector) ? .interrupt : .refused(.reservedVector)
        } else {
            self = .refused(.reservedDelivery)
        }
    }
}

/// Why a message cannot be delivered.
public enum MessageFault: UInt8, Sendable, CaseIterable {
    /// It names an entry of a remapping table, and the machine has none (VT-d 5.1.2.2).
    case remappable
    /// Address bits 39:32 are set, which no destination has.
    case reservedAddress
    /// Delivery mode 3 or 6 (Intel SDM volume 3, 11.11.2).
    case reservedDelivery
    /// A vector below 16 (Intel SDM volume 3, 11.5.2).
    case reservedVector

    /// Its name in counts and reports.
    public var name: String {
        switch self {
        case .remappable: "remappable"
        case .reservedAddress: "reserved-address"
        case .reservedDelivery: "reserved-delivery-mode"
        case .reservedVector: "reserved-vector"
        }
    }
}
