/// The read-only registers that tell software which function this is (PCIe 6.0 §7.5.1).
public struct PCIIdentity: Hashable, Sendable {
    /// Vendor ID; 0xFFFF means "no function" and is refused.
    public let vendor: UInt16
    /// Device ID.
    public let device: UInt16
    /// Subsystem Vendor ID.
    public let subsystemVendor: UInt16
    /// Subsystem ID.
    public let subsystem: UInt16
    /// Revision ID.
    public let revision: UInt8
    /// Class Code.
    public let classCode: ClassCode

    /// An identity; a subsystem that is not named reads as zero.
    public init(
        vendor: UInt16, device: UInt16, subsystem: (vendor: UInt16, id: UInt16) = (0, 0),
        revision: UInt8 = 0, classCode: ClassCode
    ) {
        self.vendor = vendor
        self.device = device
        subsystemVendor = subsystem.vendor
        self.subsystem = subsystem.id
        self.revision = revision
        self.classCode = classCode
    }
}
