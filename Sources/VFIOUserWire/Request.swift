import Registers

/// Building commands.
public enum Request {
    /// Appends a command to `output`; `payload` appends its payload, and the size in the header is
    /// set afterwards.
    @inlinable
    public static func append(
        _ command: Command,
        id: UInt16,
        noReply: Bool = false,
        into output: inout [UInt8],
        payload: (inout [UInt8]) -> Void = { _ in },
    ) {
        let header = MessageHeader(
            id: id,
            command: command,
            size: UInt32(MessageHeader.encodedSize),
            kind: .command(noReply: noReply),
        )
        header.append(to: &output, payload: payload)
    }
}

extension MessageHeader {
    /// Appends the header and what `payload` appends, then sets the size.
    @inlinable
    func append<Result>(
        to output: inout [UInt8], payload: (inout [UInt8]) -> Result
    ) -> Result {
        let start = output.count
        encode(into: &output)
        let result = payload(&output)
        let size = UInt32(output.count - start)
        for byte in 0..<4 {
            output[start + 4 + byte] = UInt8(truncatingIfNeeded: size >> UInt32(8 * byte))
        }
        return result
    }
}
