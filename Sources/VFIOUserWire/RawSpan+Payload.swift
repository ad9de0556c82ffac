extension RawSpan {
    /// Throws unless the payload has `size` bytes or more.
    ///
    /// Structures that begin with `argsz` may grow at their end, so more is legal; SPDK's client
    /// sends whole reply buffers as requests.
    @inlinable
    func requireAtLeast(_ size: Int) throws(WireViolation) {
        guard byteCount >= size else { throw .payloadTruncated }
    }

    /// Throws unless the payload has exactly `size` bytes.
    @inlinable
    func requireExactly(_ size: Int) throws(WireViolation) {
        guard byteCount >= size else { throw .payloadTruncated }
        guard byteCount == size else { throw .payloadSizeMismatch }
    }
}
