/// How a server tells a client that a command failed.
public enum ErrorStyle: Hashable, Sendable {
    /// A bare header with the Error flag, as the specification says.
    case errorReply
    /// Never a bare header where the client waits for a payload: it does not look at the Error
    /// flag and would wait for the rest for ever. All ones for reads, success for writes.
    case payloadWhereExpected
}

/// Which bits of DMA_UNMAP's flag word a client uses.
public enum UnmapFlagBits: Hashable, Sendable {
    /// Bit 0 dirty bitmap, bit 1 all; as in `linux/vfio.h`.
    case specified
    /// Bit 1 or bit 2, with address and size 0, means all.
    case shifted
}

/// Whether a server may send DMA_READ and DMA_WRITE to a client.
public enum MessageDMA: Hashable, Sendable {
    case allowed
    /// Only if the device's owner asked for it: some versions of the client misread the messages,
    /// and the wire does not tell the versions apart.
    case onlyIfConfigured
    /// The client does not read commands.
    case never
}

/// What is special about a client. This table is the only place that knows.
///
/// A profile is chosen from the VERSION request alone, by the first row whose rule holds.
public struct ClientProfile: Hashable, Sendable {
    /// Which minor version a reply states.
    public enum ReplyMinor: Hashable, Sendable {
        /// The smaller one of the client's and ours.
        case smallerOfBoth
        /// Always this one; the client accepts no other.
        case always(UInt16)
    }

    /// The stable name, as shown to administrators.
    public let name: String
    /// Which minor version our VERSION reply states.
    public let replyMinor: ReplyMinor
    /// How a failure is told.
    public let errorStyle: ErrorStyle
    /// How the flag word of DMA_UNMAP is read.
    public let unmapFlagBits: UnmapFlagBits
    /// Most descriptors in one message to the client; its `max_msg_fds` may lower it.
    public let maxDescriptorsPerMessage: Int
    /// Whether guest memory may be reached by messages.
    public let messageDMA: MessageDMA
    /// Most bytes in one DMA_READ; the client's `max_data_xfer_size` may lower it.
    public let maxDMAReadSize: Int
    /// The client reads the VERSION reply into the buffer of its request.
    public let replyMustNotExceedRequest: Bool
    /// Whether REGION_WRITE_MULTI may be agreed upon if the client offers it.
    public let mayWriteMultiple: Bool
    /// Whether the client can be asked for its device (the index REQ).
    public let canBeAskedForDevice: Bool
}

extension ClientProfile {
    /// QEMU 10.1 and newer.
    ///
    /// Chosen for version 0.0 with `max_msg_fds` 16. QEMU refuses another minor version than 0 and
    /// a VERSION reply that is longer than its request (214 bytes in 11.1). DMA messages are
    /// misread before 11.1, and every version says 0.0; a DMA_READ above 128 KiB can stall when
    /// the client's socket buffer is full. It offers to write several values with one message, and
    /// then loses track of which messages it has queued. Unplugging a device with MSI-X makes it
    /// abort (11.1), so it is never asked to.
    public static let qemu = ClientProfile(
        name: "qemu",
        replyMinor: .always(0),
        errorStyle: .errorReply,
        unmapFlagBits: .specified,
        maxDescriptorsPerMessage: 16,
        messageDMA: .onlyIfConfigured,
        maxDMAReadSize: 128 << 10,
        replyMustNotExceedRequest: true,
        mayWriteMultiple: false,
        canBeAskedForDevice: false,
    )

    /// Cloud Hypervisor and other users of the rust crate.
    ///
    /// Chosen for version 0.1 with JSON whose `max_msg_fds` is 1. The crate never looks at the
    /// Error flag, has the unmap flags one bit too high, and reads no commands.
    public static let cloudHypervisor = ClientProfile(
        name: "cloud-hypervisor",
        replyMinor: .smallerOfBoth,
        errorStyle: .payloadWhereExpected,
        unmapFlagBits: .shifted,
        maxDescriptorsPerMessage: 1,
        messageDMA: .never,
        maxDMAReadSize: 0,
        replyMustNotExceedRequest: false,
        mayWriteMultiple: false,
        canBeAskedForDevice: true,
    )

    /// SPDK's client.
    ///
    /// Chosen for a VERSION request without JSON. It reads replies only.
    public static let spdk = ClientProfile(
        name: "spdk",
        replyMinor: .smallerOfBoth,
        errorStyle: .errorReply,
        unmapFlagBits: .specified,
        maxDescriptorsPerMessage: 16,
        messageDMA: .never,
        maxDMAReadSize: 0,
        replyMustNotExceedRequest: false,
        mayWriteMultiple: false,
        canBeAskedForDevice: true,
    )

    /// Clients built with libvfio-user.
    ///
    /// Chosen for version 0.2 with JSON.
    public static let libvfioUser = ClientProfile(
        name: "libvfio-user",
        replyMinor: .smallerOfBoth,
        errorStyle: .errorReply,
        unmapFlagBits: .specified,
        maxDescriptorsPerMessage: 16,
        messageDMA: .allowed,
        maxDMAReadSize: WireLimits.defaultDataTransferSize,
        replyMustNotExceedRequest: false,
        mayWriteMultiple: true,
        canBeAskedForDevice: true,
    )

    /// Everybody else: what the specification says, nothing more.
    public static let strict = ClientProfile(
        name: "strict",
        replyMinor: .smallerOfBoth,
        errorStyle: .errorReply,
        unmapFlagBits: .specified,
        maxDescriptorsPerMessage: 16,
        messageDMA: .allowed,
        maxDMAReadSize: WireLimits.defaultDataTransferSize,
        replyMustNotExceedRequest: false,
        mayWriteMultiple: true,
        canBeAskedForDevice: true,
    )

    /// All rows.
    public static let all: [ClientProfile] = [
        .spdk, .qemu, .cloudHypervisor, .libvfioUser, .strict,
    ]

    /// The row for a client that proposed version 0.`minor` and stated `capabilities`; nil if its
    /// request had no JSON.
    public static func select(
        minor: UInt16, capabilities: VersionCapabilities?
    ) -> ClientProfile {
        guard let capabilities else { return .spdk }
        switch (minor, capabilities.maxMessageFDs) {
        case (0, 16): return .qemu
        case (1, 1): return .cloudHypervisor
        case (2, _): return .libvfioUser
        default: return .strict
        }
    }
}
