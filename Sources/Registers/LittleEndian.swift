/// Little-endian integers in bytes that are ours alone.
///
/// PCI registers and the vfio-user wire on x86-64 are little-endian. This is the one place below
/// the Linux boundary where bytes are reinterpreted; everything else names integers.
extension RawSpan {
    /// The little-endian integer whose first byte stands at `offset`.
    ///
    /// - Precondition: `offset ..< offset + size of T` lies within the span.
    @inlinable
    public func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: T.Type = T.self
    ) -> T {
        // SAFETY: the load is bounds-checked by RawSpan, and any bit pattern is a valid integer.
        unsafe T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension MutableRawSpan {
    /// Stores `value` in little-endian order with its first byte at `offset`.
    ///
    /// - Precondition: `offset ..< offset + size of T` lies within the span.
    @inlinable
    public mutating func storeLittleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}

extension [UInt8] {
    /// Appends `value` in little-endian order.
    @inlinable
    public mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        var rest = value
        for _ in 0..<(T.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// The little-endian integer whose first byte stands at `offset`, or nil if it does not fit.
    @inlinable
    public func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: T.Type = T.self
    ) -> T? {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        return withRawSpan { $0.littleEndian(at: offset, as: T.self) }
    }

    /// Calls `body` with the array's bytes.
    @inlinable
    public func withRawSpan<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: bytes of UInt8 are initialised without padding, and the span ends with the call.
        try body(unsafe span.bytes)
    }
}

extension InlineArray where Element == UInt8 {
    /// Calls `body` with the array's bytes.
    @inlinable
    public func withRawSpan<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: bytes of UInt8 are initialised without padding, and the span ends with the call.
        try body(unsafe span.bytes)
    }

    /// Calls `body` with the array's bytes, to be changed.
    @inlinable
    public mutating func withMutableRawSpan<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var elements = mutableSpan
        // SAFETY: any byte is a valid UInt8, and the span ends with the call.
        var bytes = unsafe elements.mutableBytes
        return try body(&bytes)
    }
}

extension [UInt8] {
    /// Calls `body` with the array's bytes, to be changed.
    @inlinable
    public mutating func withMutableRawSpan<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var elements = mutableSpan
        // SAFETY: any byte is a valid UInt8, and the span ends with the call.
        var bytes = unsafe elements.mutableBytes
        return try body(&bytes)
    }
}
