public import VFIOInterface

/// The rule of the protocol that a peer's bytes broke.
public enum WireViolation: Error, Hashable, Sendable {
    // The stream cannot be followed any further.
    case sizeBelowHeader
    case sizeBeyondLimit
    case unknownMessageType
    case reservedFlags
    case errorFlagOnCommand
    case noReplyFlagOnReply
    /// A reply came that answers no command.
    case unsolicitedReply

    // One message cannot be served.
    case unknownCommand
    /// The command belongs to the other end of the connection.
    case wrongDirection
    case payloadTruncated
    /// The payload is longer than its fields say, or shorter than its data.
    case payloadSizeMismatch
    case argszTooSmall
    case unknownFlags
    case unknownRegionIndex
    case unknownIRQIndex
    case offsetOverflow
    case addressOverflow
    /// A range of addresses without an address.
    case emptyRange
    /// "Unmap all" with an address or a size.
    case unmapAllWithRange
    case transferTooLarge
    /// A write of REGION_WRITE_MULTI with more than its 8 bytes of data.
    case multiWriteTooWide
    case bitmapTooLarge
    /// A page size that is not a power of two.
    case pageSize
    case tooManyDescriptors
    /// A part of a region with another mechanism than ioeventfd or ioregionfd.
    case unknownSubregionKind
    /// A reply says something else than what was asked.
    case replyMismatch
    case irqSet(IRQSetRefusal)
    case layout(LayoutRefusal)

    // No version can be agreed upon.
    case unsupportedMajorVersion
    case unsupportedMinorVersion
    case versionTextTooLong
    case versionTextNotTerminated
    /// Something stands behind the NUL of the JSON text.
    case bytesAfterVersionText
    case capabilities(VersionCapabilitiesRefusal)
}

extension WireViolation {
    /// What a server does about a violation in a command. A client whose server's replies violate
    /// the protocol has nobody to answer: it disconnects.
    public enum Remedy: Hashable, Sendable {
        /// Where the next message starts is no longer known, or cannot be trusted.
        case disconnect
        /// The message had clear bounds; answer with this error and go on.
        case refuse(ReplyErrno)
    }

    /// What a server does about this violation in a command.
    public var remedy: Remedy {
        switch self {
        case .sizeBelowHeader, .sizeBeyondLimit, .unknownMessageType, .reservedFlags,
            .errorFlagOnCommand, .noReplyFlagOnReply, .unsolicitedReply:
            .disconnect
        case .unknownCommand, .wrongDirection: .refuse(.noFunction)
        case .transferTooLarge, .bitmapTooLarge: .refuse(.tooBig)
        default: .refuse(.invalidArgument)
        }
    }

    /// The stable name, the named reason of a disconnect; it does not change between releases.
    public var name: String {
        switch self {
        case .sizeBelowHeader: "size-below-header"
        case .sizeBeyondLimit: "size-beyond-limit"
        case .unknownMessageType: "unknown-message-type"
        case .reservedFlags: "reserved-flags"
        case .errorFlagOnCommand: "error-flag-on-command"
        case .noReplyFlagOnReply: "no-reply-flag-on-reply"
        case .unsolicitedReply: "unsolicited-reply"
        case .unknownCommand: "unknown-command"
        case .wrongDirection: "wrong-direction"
        case .payloadTruncated: "payload-truncated"
        case .payloadSizeMismatch: "payload-size-mismatch"
        case .argszTooSmall: "argsz-too-small"
        case .unknownFlags: "unknown-flags"
        case .unknownRegionIndex: "unknown-region-index"
        case .unknownIRQIndex: "unknown-irq-index"
        case .offsetOverflow: "offset-overflow"
        case .addressOverflow: "address-overflow"
        case .emptyRange: "empty-range"
        case .unmapAllWithRange: "unmap-all-with-range"
        case .transferTooLarge: "transfer-too-large"
        case .multiWriteTooWide: "multi-write-too-wide"
        case .bitmapTooLarge: "bitmap-too-large"
        case .pageSize: "page-size"
        case .tooManyDescriptors: "too-many-descriptors"
        case .unknownSubregionKind: "unknown-subregion-kind"
        case .replyMismatch: "reply-mismatch"
        case .irqSet(let refusal): refusal.name
        case .layout(let refusal): refusal.name
        case .unsupportedMajorVersion: "unsupported-major-version"
        case .unsupportedMinorVersion: "unsupported-minor-version"
        case .versionTextTooLong: "version-text-too-long"
        case .versionTextNotTerminated: "version-text-not-terminated"
        case .bytesAfterVersionText: "bytes-after-version-text"
        case .capabilities(let refusal): refusal.name
        }
    }
}

extension WireViolation: CustomStringConvertible {
    /// The rule in words, for logs.
    public var description: String {
        switch self {
        case .sizeBelowHeader: "the message size is smaller than the header's 16 bytes"
        case .sizeBeyondLimit: "the message size is larger than any message may be"
        case .unknownMessageType: "the message is neither a command nor a reply"
        case .reservedFlags: "reserved bits are set in the message flags"
        case .errorFlagOnCommand: "a command carries the Error flag"
        case .noReplyFlagOnReply: "a reply carries the No_reply flag"
        case .unsolicitedReply: "a reply came that answers no command"
        case .unknownCommand: "the command number has no meaning"
        case .wrongDirection: "the command belongs to the other end of the connection"
        case .payloadTruncated: "the payload ends before its structure does"
        case .payloadSizeMismatch: "the payload's size is not what its fields say"
        case .argszTooSmall: "argsz is smaller than the structure"
        case .unknownFlags: "flag bits without meaning, or without sense together, are set"
        case .unknownRegionIndex: "there is no such region index; PCI has 0 to 8"
        case .unknownIRQIndex: "there is no such interrupt index; PCI has 0 to 4"
        case .offsetOverflow: "offset + count exceeds 64 bits"
        case .addressOverflow: "address + size runs past the last address"
        case .emptyRange: "the range of addresses is empty"
        case .unmapAllWithRange: "unmap-all needs address and size to be 0"
        case .transferTooLarge: "the count is above max_data_xfer_size"
        case .multiWriteTooWide: "a write has more than 8 bytes"
        case .bitmapTooLarge: "the dirty bitmap is larger than allowed"
        case .pageSize: "the page size is not a power of two"
        case .tooManyDescriptors: "more descriptors came than the message can have"
        case .unknownSubregionKind: "a part of a region is neither ioeventfd nor ioregionfd"
        case .replyMismatch: "the reply does not fit what was asked"
        case .irqSet(let refusal): refusal.description
        case .layout(let refusal): refusal.description
        case .unsupportedMajorVersion: "the major version is not 0"
        case .unsupportedMinorVersion: "the minor version is above the one proposed"
        case .versionTextTooLong: "the JSON text of VERSION is too long"
        case .versionTextNotTerminated: "the JSON text of VERSION does not end with NUL"
        case .bytesAfterVersionText: "there are bytes behind the NUL of VERSION's JSON text"
        case .capabilities(let refusal): refusal.description
        }
    }
}
