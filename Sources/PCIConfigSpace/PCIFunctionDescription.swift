/// What the author of a function says of it; a value of this type is a function that can exist.
///
/// Everything that a guest finds in configuration space follows from it.
public struct PCIFunctionDescription: Hashable, Sendable {
    /// Who made the function, and what it is.
    public let identity: PCIIdentity
    /// The INTx message it uses.
    public let interruptPin: InterruptPin
    /// Its BARs, by ascending index.
    public let bars: [BAR]
    /// Its capabilities, in the order of the list that a guest walks.
    public let capabilities: [PCICapability]
    /// Its extended capabilities, in the order of the list that a guest walks.
    public let extendedCapabilities: [PCIExtendedCapability]
    /// Where in configuration space each of `capabilities` begins.
    public let capabilityOffsets: [Int]
    /// Where in configuration space each of `extendedCapabilities` begins.
    public let extendedCapabilityOffsets: [Int]

    /// Bytes of configuration space: 4096 with the PCI Express capability, otherwise 256
    /// (PCIe 6.0 §7.2).
    public var configSpaceBytes: Int { hasPCIExpress ? 4096 : 256 }

    /// A function.
    ///
    /// Capabilities are placed in the given order from 0x40, extended ones from 0x100, each at the
    /// next multiple of 4.
    ///
    /// - Throws: the first rule of `docs/specifications/pci-config.md` that the description breaks.
    public init(
        identity: PCIIdentity, interruptPin: InterruptPin = .none, bars: [BAR] = [],
        capabilities: [PCICapability] = [], extendedCapabilities: [PCIExtendedCapability] = []
    ) throws(PCIDescriptionError) {
        self.identity = identity
        self.interruptPin = interruptPin
        self.bars = bars.sorted { $0.index < $1.index }
        self.capabilities = capabilities
        self.extendedCapabilities = extendedCapabilities
        capabilityOffsets = Self.place(capabilities.map(\.length), from: Type0Header.bytes)
        extendedCapabilityOffsets = Self.place(
            extendedCapabilities.map(\.length), from: Self.extendedStart)
        try checkIdentity()
        try checkBARs()
        try checkCapabilities()
        try checkExtendedCapabilities()
    }

    static let extendedStart = 0x100

    var hasPCIExpress: Bool {
        capabilities.contains { $0.id == PCIExpressCapability.id }
    }

    /// The offsets of blocks that follow each other from `start`, each at a multiple of 4.
    private static func place(_ lengths: [Int], from start: Int) -> [Int] {
        var next = start
        return lengths.map { length in
            defer { next = (next + length + 3) & ~3 }
            return next
        }
    }
}
