import CLinuxUAPI

/// Descriptors that came with a message. Those not taken are closed when this value goes.
public struct ReceivedDescriptors: ~Copyable, Sendable {
    static let capacity = 32

    private var slots = InlineArray<32, CInt>(repeating: -1)
    private var first = 0
    private var end = 0

    init() {}

    /// Adds a descriptor, and its ownership, at the end.
    ///
    /// - Precondition: less than `capacity` were ever added.
    mutating func append(adopting raw: CInt) {
        slots[end] = raw
        end += 1
    }

    deinit {
        for index in first..<end { _ = uapi_close(slots[index]) }
    }

    /// How many are left.
    public var count: Int { end - first }

    /// Whether none is left.
    public var isEmpty: Bool { first == end }

    /// The next one in the order the sender listed them, or nil.
    public mutating func takeFirst() -> OwnedDescriptor? {
        guard first < end else { return nil }
        defer { first += 1 }
        return OwnedDescriptor(adopting: slots[first])
    }
}
