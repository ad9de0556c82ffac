/// What a function is, as the three bytes of Class Code (PCIe 6.0 §7.5.1.1.6).
public struct ClassCode: Hashable, Sendable {
    /// Base Class, the most significant byte.
    public let baseClass: UInt8
    /// Sub-Class.
    public let subClass: UInt8
    /// Programming Interface, the least significant byte.
    public let programmingInterface: UInt8

    /// A class code; values are assigned in PCI Code and ID Assignment 1.15 §1.
    public init(baseClass: UInt8, subClass: UInt8, programmingInterface: UInt8 = 0) {
        self.baseClass = baseClass
        self.subClass = subClass
        self.programmingInterface = programmingInterface
    }
}
