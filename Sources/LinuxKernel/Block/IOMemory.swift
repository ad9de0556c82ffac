/// Memory that the kernel fills or reads while a request runs.
@safe  // SAFETY: the pointer is of an allocation of `capacity` bytes, and only `reserve` and
// `release` change both; the owner calls those, and reaches the bytes, while no request runs.
struct IOMemory {
    /// Bytes that count.
    private(set) var byteCount = 0
    private var capacity = 0
    private var base: UnsafeMutableRawPointer?

    /// The place of byte `offset`, for the kernel.
    func address(_ offset: Int) -> UnsafeMutableRawPointer? {
        unsafe base?.advanced(by: offset)
    }

    /// Provides for `bytes`, whose contents mean nothing.
    mutating func reserve(_ bytes: Int) {
        byteCount = bytes
        guard bytes > capacity else { return }
        unsafe base?.deallocate()
        capacity = max(4096, (bytes + 4095) & ~4095)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4096)
    }

    /// Frees what is more than `idle` bytes.
    mutating func release(keeping idle: Int) {
        byteCount = 0
        guard capacity > idle else { return }
        unsafe base?.deallocate()
        unsafe base = nil
        capacity = 0
    }

    /// Has every byte be zero.
    mutating func clear() {
        unsafe base?.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    mutating func withBytes<Failure>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        guard let base = unsafe base else { return }
        // SAFETY: the allocation has that many bytes, and nobody else reaches them meanwhile.
        var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
        try body(&span)
    }
}
