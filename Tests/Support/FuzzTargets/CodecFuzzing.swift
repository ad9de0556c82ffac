import Registers
import VFIOInterface
import VFIOUserWire

/// The codec: whatever the bytes, the answer is a value inside them or a violation with a name.
enum CodecFuzzing {
    private static let limits = WireLimits()
    private static let irqCounts = IRQCounts(intx: 1, msi: 8, msix: 9, error: 1, request: 1)

    static func run(_ bytes: [UInt8]) -> String? {
        bytes.withRawSpan { buffer in
            readReplies(buffer) ?? readFrame(buffer)
        }
    }

    private static func readFrame(_ buffer: RawSpan) -> String? {
        guard case .message(let header, let range) = Framing.next(in: buffer, limits: limits) else {
            return nil
        }
        guard range.upperBound <= buffer.byteCount else { return "a frame beyond the bytes" }
        let payload = buffer.extracting(range)
        for sender in [Peer.client, .server] {
            if let law = readCommand(header, payload, sender) { return law }
        }
        return nil
    }

    private static func readCommand(
        _ header: MessageHeader, _ payload: RawSpan, _ sender: Peer
    ) -> String? {
        let context = RequestContext(sender: sender, limits: limits, irqCounts: irqCounts)
        do throws(WireViolation) {
            let request = try RequestMessage.parse(
                header, payload: payload, descriptors: 1, context: context)
            if case .regionWrite(let write) = request,
                write.data.upperBound > payload.byteCount
            {
                return "data beyond the payload"
            }
            if case .regionWriteMulti(let multi) = request {
                for number in 0..<multi.count { _ = multi.write(number, in: payload) }
            }
            return nil
        } catch { return error.name.isEmpty ? "a violation without a name" : nil }
    }

    private static func readReplies(_ payload: RawSpan) -> String? {
        _ = try? GetRegionInfoReply(parsing: payload)
        _ = try? GetRegionIOFDsReply(parsing: payload)
        _ = try? DMAUnmapReply(parsing: payload, limits: limits)
        guard let version = try? VersionMessage(parsing: payload, limits: limits),
            let capabilities = try? version.capabilities(in: payload)
        else { return nil }
        var again: [UInt8] = []
        VersionMessage.encode(minor: 0, capabilities: capabilities, into: &again)
        return again.withRawSpan { span in
            let reread = try? VersionMessage(parsing: span, limits: limits).capabilities(in: span)
            return reread == nil ? "capabilities that do not survive being written" : nil
        }
    }
}
