import Registers
import VFIOInterface

/// Answering a command that cannot be served, in a form its client survives.
public enum Refusal {
    /// Appends the answer to a command that failed with `error`.
    ///
    /// With `ErrorStyle.payloadWhereExpected` a command whose answer has a payload gets one: all
    /// ones for a read, the request's echo for a write and an unmap, "absent" for information.
    /// Where not even the request's shape is known, such a client cannot be answered.
    ///
    /// `payload` is the command's, however broken.
    ///
    /// - Returns: false if no answer exists that the client would survive; disconnect it.
    public static func append(
        _ error: ReplyErrno,
        to request: MessageHeader,
        payload: RawSpan,
        style: ErrorStyle,
        into output: inout [UInt8],
    ) -> Bool {
        guard request.wantsReply else { return true }
        if style == .errorReply || !expectsPayload(request.command) {
            Reply.appendError(error, to: request, into: &output)
            return true
        }
        guard let answer = substitute(for: request.command, payload: payload) else { return false }
        Reply.append(to: request, into: &output) { $0.append(contentsOf: answer) }
        return true
    }

    private static func expectsPayload(_ command: Command) -> Bool {
        switch command {
        case .dmaUnmap, .deviceGetInfo, .deviceGetRegionInfo, .deviceGetIRQInfo, .regionRead,
            .regionWrite:
            true
        default: false
        }
    }

    private static func substitute(for command: Command, payload: RawSpan) -> [UInt8]? {
        switch command {
        case .regionRead:
            guard payload.byteCount >= RegionAccess.encodedSize else { return nil }
            let count = Int(payload.littleEndian(at: 12, as: UInt32.self))
            guard count <= WireLimits.defaultDataTransferSize else { return nil }
            return echo(RegionAccess.encodedSize, of: payload).map {
                $0 + repeatElement(0xff, count: count)
            }
        case .regionWrite: return echo(RegionAccess.encodedSize, of: payload)
        case .dmaUnmap: return echo(DMAUnmapRequest.fixedSize, of: payload)
        case .deviceGetInfo: return absent(DeviceInfo.encodedSize, of: payload, keeping: 0..<4)
        case .deviceGetRegionInfo:
            return absent(RegionInfo.fixedSize, of: payload, keeping: 8..<12)
        case .deviceGetIRQInfo: return absent(IRQInfo.encodedSize, of: payload, keeping: 8..<12)
        default: return nil
        }
    }

    /// The first `size` bytes of the request.
    private static func echo(_ size: Int, of payload: RawSpan) -> [UInt8]? {
        guard payload.byteCount >= size else { return nil }
        return (0..<size).map { payload.littleEndian(at: $0, as: UInt8.self) }
    }

    /// `size` bytes of zeros but for `argsz` and the kept bytes of the request: no flags, no size,
    /// no count.
    private static func absent(
        _ size: Int, of payload: RawSpan, keeping kept: Range<Int>
    ) -> [UInt8]? {
        guard let request = echo(size, of: payload) else { return nil }
        var answer: [UInt8] = []
        answer.appendLittleEndian(UInt32(size))
        for position in 4..<size { answer.append(kept.contains(position) ? request[position] : 0) }
        return answer
    }
}
