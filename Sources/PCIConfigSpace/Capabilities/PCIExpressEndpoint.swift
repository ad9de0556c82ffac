/// What an endpoint says of itself in its PCI Express capability (PCIe 6.0 §7.5.3).
public struct PCIExpressEndpoint: Hashable, Sendable {
    /// A link's data rate, encoded as in Supported Link Speeds (PCIe 6.0 §7.5.3.18).
    public enum LinkSpeed: UInt8, Sendable, CaseIterable {
        /// 2.5 GT/s.
        case gigatransfers2Point5 = 1
        /// 5 GT/s.
        case gigatransfers5 = 2
        /// 8 GT/s.
        case gigatransfers8 = 3
        /// 16 GT/s.
        case gigatransfers16 = 4
        /// 32 GT/s.
        case gigatransfers32 = 5
        /// 64 GT/s.
        case gigatransfers64 = 6
    }

    /// A link's number of lanes (PCIe 6.0 §7.5.3.6).
    public enum LinkWidth: UInt8, Sendable, CaseIterable {
        case x1 = 1
        case x2 = 2
        case x4 = 4
        case x8 = 8
        case x16 = 16
    }

    /// Max_Payload_Size, encoded as in Device Capabilities (PCIe 6.0 §7.5.3.3).
    public enum PayloadSize: UInt8, Sendable, CaseIterable {
        case bytes128 = 0
        case bytes256 = 1
        case bytes512 = 2
        case bytes1024 = 3
        case bytes2048 = 4
        case bytes4096 = 5
    }

    /// The speed the link supports and runs at.
    public let linkSpeed: LinkSpeed
    /// The width the link supports and runs at.
    public let linkWidth: LinkWidth
    /// The largest payload supported.
    public let maxPayload: PayloadSize
    /// Function Level Reset Capability: whether a guest can reset this function alone
    /// (PCIe 6.0 §6.6.2).
    public let functionLevelReset: Bool

    /// An endpoint.
    public init(
        linkSpeed: LinkSpeed = .gigatransfers8, linkWidth: LinkWidth = .x4,
        maxPayload: PayloadSize = .bytes256, functionLevelReset: Bool = true
    ) {
        self.linkSpeed = linkSpeed
        self.linkWidth = linkWidth
        self.maxPayload = maxPayload
        self.functionLevelReset = functionLevelReset
    }
}
