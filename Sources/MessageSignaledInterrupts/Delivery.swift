public import PlatformTypes

/// What holds a vector back. Delivery happens when nothing does.
///
/// Several can hold at once; each is an input of the one transition function.
public struct Obstacles: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// The bits.
    public let rawValue: UInt16

    /// The set of the members whose bits are set; unknown bits are kept.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// MSI-X Enable or MSI Enable is clear (PCIe 6.0 §7.7.2.2, §7.7.1.2).
    public static let disabled = Obstacles(rawValue: 1 << 0)
    /// Function Mask is set (PCIe 6.0 §7.7.2.2).
    public static let functionMask = Obstacles(rawValue: 1 << 1)
    /// The vector's own Mask Bit is set (PCIe 6.0 §7.7.2.8).
    public static let vectorMask = Obstacles(rawValue: 1 << 2)
    /// Bus Master Enable is clear (PCIe 6.0 §7.5.1.1.3).
    public static let busMaster = Obstacles(rawValue: 1 << 3)
    /// The function is not in D0 (PCI Power Management 1.2 §5.4).
    public static let powerState = Obstacles(rawValue: 1 << 4)
    /// No lease on a host vector is held for it.
    public static let unreserved = Obstacles(rawValue: 1 << 5)
    /// Nobody has said yet where its message goes.
    public static let unbound = Obstacles(rawValue: 1 << 6)

    /// The record of a slot in memory is being rewritten or cannot be read.
    public static let unreadable = Obstacles(rawValue: 1 << 7)
    /// It has had as many messages as its rate limit allows until now.
    public static let rateLimited = Obstacles(rawValue: 1 << 8)

    /// Every obstacle with its name in traces and reports.
    public static let names: [(Obstacles, String)] = [
        (.disabled, "disabled"), (.functionMask, "function-mask"), (.vectorMask, "vector-mask"),
        (.busMaster, "bus-master"), (.powerState, "power-state"), (.unreserved, "unreserved"),
        (.unbound, "unbound"), (.unreadable, "unreadable"),
        (.rateLimited, "rate-limited"),
    ]

    /// In words, for logs and reports.
    public var description: String {
        Self.names.filter { contains($0.0) }.map(\.1).joined(separator: "+")
    }
}

/// Why an event will never be delivered.
public enum DiscardReason: UInt8, Sendable, CaseIterable {
    /// The cause went away before its message could be sent (PCIe 6.0 §6.1.4.5).
    case withdrawn
    /// The function was reset.
    case reset
    /// The last user of the vector gave it up.
    case released
    /// The device named a vector beyond its table.
    case noSuchVector
    /// Another of the function's interrupt mechanisms took the event over; it is counted there.
    case handedOver
    /// Nothing takes a message at the address that the guest wrote.
    case unreachable

    /// The reason's name in traces and reports.
    public var name: String {
        switch self {
        case .withdrawn: "withdrawn"
        case .reset: "reset"
        case .released: "released"
        case .noSuchVector: "no-such-vector"
        case .handedOver: "handed-over"
        case .unreachable: "unreachable"
        }
    }
}

/// What became of one event.
public enum Delivery: Hashable, Sendable {
    /// The message goes out now.
    case send(MSIMessage)
    /// It is latched in the Pending Bit Array and goes out when the obstacles are gone.
    case pended(Obstacles)
    /// It joins an event that is pending already.
    case coalesced
    /// It will never be delivered.
    case discarded(DiscardReason)
}

/// How a function signals messages.
public enum InterruptMechanism: UInt8, Sendable, CaseIterable {
    /// MSI: up to 32 messages that share an address (PCIe 6.0 §7.7.1).
    case msi
    /// MSI-X: a table of messages (PCIe 6.0 §7.7.2).
    case msix
}

/// A message that the owner of a function must send after the transition that released it.
public struct Send: Hashable, Sendable {
    /// The vector it belongs to: an index into the table for MSI-X, the message's number for MSI.
    public let vector: VectorIndex
    /// The source whose event it carries; the vector for MSI-X.
    public let source: VectorIndex
    /// The message as the guest programmed it; zero where the guest's table is not ours to see.
    public let message: MSIMessage
    /// The mechanism that it leaves by.
    public let mechanism: InterruptMechanism

    /// The message of `vector` in the table.
    @inlinable
    public init(vector: VectorIndex, message: MSIMessage) {
        self.vector = vector
        source = vector
        self.message = message
        mechanism = .msix
    }

    /// The message with this number of MSI, for an event of `source`.
    @inlinable
    public init(number: VectorIndex, for source: VectorIndex, message: MSIMessage) {
        vector = number
        self.source = source
        self.message = message
        mechanism = .msi
    }
}
