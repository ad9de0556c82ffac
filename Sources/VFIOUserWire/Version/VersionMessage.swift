import Registers

/// VERSION, in both directions: a version and what its sender can do.
public struct VersionMessage: Hashable, Sendable {
    /// Bytes before the JSON text.
    public static var fixedSize: Int { 4 }

    /// The major version; 0 is the only one so far.
    public let major: UInt16
    /// The minor version.
    public let minor: UInt16
    /// Where the JSON text stands in the payload, without its NUL; nil if there is none.
    public let text: Range<Int>?

    /// Reads a payload, but not the JSON in it.
    ///
    /// The text is optional. If anything follows the version numbers, the last byte is NUL, and
    /// nothing but NULs stands behind the text's first one.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(Self.fixedSize)
        major = payload.littleEndian(at: 0)
        minor = payload.littleEndian(at: 2)
        let size = payload.byteCount - Self.fixedSize
        guard size > 0 else {
            text = nil
            return
        }
        guard size <= limits.maxVersionTextSize else { throw .versionTextTooLong }
        guard payload.littleEndian(at: payload.byteCount - 1, as: UInt8.self) == 0 else {
            throw .versionTextNotTerminated
        }
        var end = Self.fixedSize
        while payload.littleEndian(at: end, as: UInt8.self) != 0 { end += 1 }
        for position in end..<payload.byteCount {
            guard payload.littleEndian(at: position, as: UInt8.self) == 0 else {
                throw .bytesAfterVersionText
            }
        }
        text = Self.fixedSize..<end
    }

    /// The capabilities in the text; all absent if there is no text.
    ///
    /// - Precondition: `payload` is what was parsed.
    public func capabilities(in payload: RawSpan) throws(WireViolation) -> VersionCapabilities {
        guard let text else { return VersionCapabilities() }
        let bytes = text.map { payload.littleEndian(at: $0, as: UInt8.self) }
        do throws(VersionCapabilitiesRefusal) {
            return try VersionCapabilities(parsing: bytes)
        } catch {
            throw .capabilities(error)
        }
    }

    /// Throws unless this can be the reply to a client that proposed version 0.`proposed`.
    public func requireReply(toMinor proposed: UInt16) throws(WireViolation) {
        guard major == 0 else { throw .unsupportedMajorVersion }
        guard minor <= proposed else { throw .unsupportedMinorVersion }
    }

    /// Appends the payload; without capabilities it has no text.
    public static func encode(
        major: UInt16 = 0,
        minor: UInt16,
        capabilities: VersionCapabilities?,
        into output: inout [UInt8],
    ) {
        output.appendLittleEndian(major)
        output.appendLittleEndian(minor)
        guard let capabilities else { return }
        output.append(contentsOf: capabilities.text.utf8)
        output.append(0)
    }
}
