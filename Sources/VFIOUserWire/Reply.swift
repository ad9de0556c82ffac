/// Building answers.
///
/// No function here appends anything for a command whose sender set No_reply: a QEMU client that
/// gets an answer to such a command loses its place in the stream.
public enum Reply {
    /// Appends the answer to `request`; `payload` appends its payload, and the size in the header
    /// is set afterwards.
    ///
    /// - Returns: what `payload` returns, or nil if no answer is wanted.
    @inlinable
    @discardableResult
    public static func append<Result>(
        to request: MessageHeader,
        into output: inout [UInt8],
        payload: (inout [UInt8]) -> Result,
    ) -> Result? {
        guard request.wantsReply else { return nil }
        return request.reply().append(to: &output, payload: payload)
    }

    /// Appends the answer without payload.
    @inlinable
    public static func appendEmpty(to request: MessageHeader, into output: inout [UInt8]) {
        guard request.wantsReply else { return }
        request.reply().encode(into: &output)
    }

    /// Appends the bare header that says the command failed.
    @inlinable
    public static func appendError(
        _ error: ReplyErrno, to request: MessageHeader, into output: inout [UInt8]
    ) {
        guard request.wantsReply else { return }
        request.reply(error: error).encode(into: &output)
    }

    /// Appends the answer to REGION_READ with zeros in place of the data.
    ///
    /// - Returns: where in `output` the data belongs, or nil if no answer is wanted.
    @inlinable
    public static func appendRegionRead(
        _ access: RegionAccess, to request: MessageHeader, into output: inout [UInt8]
    ) -> Range<Int>? {
        guard request.wantsReply else { return nil }
        var header = request.reply()
        header.size += UInt32(RegionAccess.encodedSize + access.count)
        header.encode(into: &output)
        access.encode(into: &output)
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: access.count))
        return start..<output.count
    }

    /// Appends the answer to REGION_WRITE.
    @inlinable
    public static func appendRegionWrite(
        _ access: RegionAccess, to request: MessageHeader, into output: inout [UInt8]
    ) {
        guard request.wantsReply else { return }
        var header = request.reply()
        header.size += UInt32(RegionAccess.encodedSize)
        header.encode(into: &output)
        access.encode(into: &output)
    }
}
