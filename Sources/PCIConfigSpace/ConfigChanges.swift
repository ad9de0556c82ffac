public import MessageSignaledInterrupts

/// What the owner of a configuration space must act on after a write or a reset.
///
/// A plain value without storage on the heap. Several writes can be collected in one: states before
/// are those before the first, states after are those after the last.
public struct ConfigChanges: Hashable, Sendable {
    /// Command before and after.
    public struct CommandChange: Hashable, Sendable {
        /// The bits that were set.
        public let before: Command
        /// The bits that are set.
        public let after: Command
        /// The bits that differ.
        public var changed: Command { before.symmetricDifference(after) }
    }

    /// A set of BAR indexes.
    public struct BARSet: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: UInt8
        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Whether the BAR of `index` is one of them.
        public func contains(index: Int) -> Bool {
            (0..<Type0Header.barSlots).contains(index) && rawValue >> index & 1 == 1
        }
    }

    /// The two bits that a guest writes in Message Control of MSI-X (PCIe 6.0 §7.7.2.2).
    public struct MSIXControl: Hashable, Sendable {
        /// MSI-X Enable.
        public let enable: Bool
        /// Function Mask.
        public let functionMask: Bool
    }

    /// The registers of MSI after a write or a reset.
    public struct MSIChange: Hashable, Sendable {
        /// What they read now.
        public let registers: MSIRegisters
        /// Whether a write reached Message Data, which ends a change of the message.
        public let wroteData: Bool
    }

    /// The power state before and after.
    public struct PowerChange: Hashable, Sendable {
        /// The state that the function left.
        public let before: PowerState
        /// The state that it is in.
        public let after: PowerState
    }

    /// Resets that a guest asked for.
    public struct ResetRequests: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: UInt8
        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Initiate Function Level Reset was written as one (PCIe 6.0 §6.6.2).
        public static let functionLevel = ResetRequests(rawValue: 1 << 0)
        /// The function left D3hot for D0 without No_Soft_Reset (PCIe 6.0 §5.3.1.4).
        public static let soft = ResetRequests(rawValue: 1 << 1)
    }

    /// Command, if a bit changed.
    public internal(set) var command: CommandChange?
    /// The BARs whose register changed; the lower index of a 64-bit BAR.
    public internal(set) var bars: BARSet = []
    /// Message Control of MSI-X as it now reads, if a guest wrote it or a reset changed it.
    public internal(set) var msixControl: MSIXControl?
    /// The registers of MSI, if a guest wrote one or a reset changed one.
    public internal(set) var msi: MSIChange?
    /// The power state, if it changed.
    public internal(set) var powerState: PowerChange?
    /// The resets asked for. The owner resets the device and then calls `ConfigSpace.reset()`.
    public internal(set) var resetRequests: ResetRequests = []
    /// The span of configuration space from the first to the last byte of Vendor-Specific bodies
    /// that a guest wrote, whether or not they can be written.
    public internal(set) var vendorBytes: Range<Int>?

    /// Nothing to act on.
    public init() {}

    /// Whether there is nothing to act on.
    public var isEmpty: Bool { self == ConfigChanges() }

    mutating func note(command before: Command, _ after: Command) {
        let first = command?.before ?? before
        command = first == after ? nil : CommandChange(before: first, after: after)
    }

    mutating func note(powerState before: PowerState, _ after: PowerState) {
        let first = powerState?.before ?? before
        powerState = first == after ? nil : PowerChange(before: first, after: after)
    }

    mutating func note(msi registers: MSIRegisters, wroteData: Bool) {
        msi = MSIChange(registers: registers, wroteData: wroteData || msi?.wroteData == true)
    }

    mutating func note(bar index: Int) {
        bars.insert(BARSet(rawValue: 1 << index))
    }

    mutating func note(vendorBytes bytes: Range<Int>) {
        guard let known = vendorBytes else {
            vendorBytes = bytes
            return
        }
        vendorBytes =
            min(known.lowerBound, bytes.lowerBound)..<max(known.upperBound, bytes.upperBound)
    }
}
