import CLinuxUAPI

/// Descriptors that came with a message. Those not taken are closed when this value goes.
public struct ReceivedDescriptors: ~Copyable, Sendable {
    static let capacity = 32

    // Empty for almost every message: 16 bytes move where 32 slots in place were 144.
    private var slots: [CInt] = []
    private var first = 0

    init() {}

    /// Adds a descriptor, and its ownership, at the end.
    ///
    /// - Precondition: less than `capacity` were ever added.
    mutating func append(adopting raw: CInt) {
        slots.append(raw)
    }

    deinit {
        for index in first..<slots.count { _ = uapi_close(slots[index]) }
    }

    /// How many are left.
    public var count: Int { slots.count - first }

    /// Whether none is left.
    public var isEmpty: Bool { first == slots.count }

    /// The next one in the order the sender listed them, or nil.
    public mutating func takeFirst() -> OwnedDescriptor? {
        guard first < slots.count else { return nil }
        defer { first += 1 }
        return OwnedDescriptor(adopting: slots[first])
    }
}
