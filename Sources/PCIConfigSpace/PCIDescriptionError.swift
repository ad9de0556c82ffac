/// Why a description is not that of a PCI function. Nothing was created.
public enum PCIDescriptionError: Error, Hashable, Sendable {
    /// Vendor ID 0xFFFF says that there is no function (PCIe 6.0 §7.5.1.1.1).
    case vendorIDMeansAbsent
    /// A BAR's index is not in 0...5.
    case barIndexOutOfRange(index: Int)
    /// A 64-bit BAR needs the next register too, and index 5 has none.
    case barNeedsTwoSlots(index: Int)
    /// Two BARs occupy the same register.
    case barSlotTaken(slot: Int)
    /// A BAR's size is not a power of two.
    case barSizeNotPowerOfTwo(index: Int, size: UInt64)
    /// A BAR's size is less than its kind of BAR can express.
    case barTooSmall(index: Int, size: UInt64, minimum: UInt64)
    /// A BAR's size is more than its kind of BAR can express.
    case barTooLarge(index: Int, size: UInt64, maximum: UInt64)
    /// A function has at most one capability of this ID.
    case capabilityRepeated(id: UInt8)
    /// The capabilities do not fit between 0x40 and 0xFF.
    case capabilitySpaceExhausted(needed: Int, available: Int)
    /// MSI-X has 1...2048 vectors.
    case msixTableSizeOutOfRange(tableSize: Int)
    /// The table or the PBA is named into a BAR that does not exist or is no memory.
    case msixNeedsMemoryBAR(MSIXStructure, bar: Int)
    /// The offset of the table or of the PBA is not a multiple of 8.
    case msixMisaligned(MSIXStructure, offset: Int)
    /// The table or the PBA does not lie within its BAR, or begins beyond 4 GiB.
    case msixOutsideBAR(MSIXStructure, offset: Int, bytes: Int, barSize: UInt64)
    /// The table and the PBA share bytes.
    case msixTableOverlapsPBA(bar: Int)
    /// The mask of writable bits is neither empty nor as long as the vendor's body.
    case vendorMaskLengthDiffers(body: Int, mask: Int)
    /// Extended capabilities need the PCI Express capability, which makes room for them.
    case extendedCapabilityWithoutPCIExpress
    /// An ID that ends the list instead of naming a capability: 0x0000 or 0xFFFF.
    case extendedCapabilityIDReserved(id: UInt16)
    /// A version is not in 0...15.
    case extendedCapabilityVersionOutOfRange(id: UInt16, version: UInt8)
    /// The extended capabilities do not fit between 0x100 and 0xFFF.
    case extendedCapabilitySpaceExhausted(needed: Int, available: Int)

    /// The two structures that MSI-X keeps in BARs.
    public enum MSIXStructure: String, Sendable, CaseIterable {
        case table = "MSI-X table"
        case pendingBitArray = "Pending Bit Array"
    }
}

extension PCIDescriptionError: CustomStringConvertible {
    /// The error's stable identifier.
    public var code: String {
        switch self {
        case .vendorIDMeansAbsent: "PCI-001"
        case .barIndexOutOfRange: "PCI-002"
        case .barNeedsTwoSlots: "PCI-003"
        case .barSlotTaken: "PCI-004"
        case .barSizeNotPowerOfTwo: "PCI-005"
        case .barTooSmall: "PCI-006"
        case .barTooLarge: "PCI-007"
        case .capabilityRepeated: "PCI-008"
        case .capabilitySpaceExhausted: "PCI-009"
        case .msixTableSizeOutOfRange: "PCI-010"
        case .msixNeedsMemoryBAR: "PCI-011"
        case .msixMisaligned: "PCI-012"
        case .msixOutsideBAR: "PCI-013"
        case .msixTableOverlapsPBA: "PCI-014"
        case .vendorMaskLengthDiffers: "PCI-015"
        case .extendedCapabilityWithoutPCIExpress: "PCI-016"
        case .extendedCapabilityIDReserved: "PCI-017"
        case .extendedCapabilityVersionOutOfRange: "PCI-018"
        case .extendedCapabilitySpaceExhausted: "PCI-019"
        }
    }

    /// What is wrong, on what, and what to try.
    public var description: String { "\(code): \(advice)" }

    private var advice: String {
        switch self {
        case .vendorIDMeansAbsent:
            "vendor ID 0xffff means that no function is there; give the vendor's own ID"
        case .barIndexOutOfRange(let index):
            "BAR \(index) does not exist; use 0 to 5"
        case .barNeedsTwoSlots(let index):
            "64-bit BAR \(index) needs register \(index + 1) too; use an index up to 4"
        case .barSlotTaken(let slot):
            "two BARs occupy register \(slot); a 64-bit BAR takes its index and the next"
        case .barSizeNotPowerOfTwo(let index, let size):
            "BAR \(index) has \(size) bytes; round up to a power of two"
        case .barTooSmall(let index, let size, let minimum):
            "BAR \(index) has \(size) bytes; its register expresses \(minimum) or more"
        case .barTooLarge(let index, let size, let maximum):
            "BAR \(index) has \(size) bytes; its register expresses \(maximum) or fewer"
        case .capabilityRepeated(let id):
            "capability \(id) is given twice; a function has one"
        case .capabilitySpaceExhausted(let needed, let available):
            "capabilities need \(needed) bytes of \(available); shorten a vendor body"
        case .msixTableSizeOutOfRange(let size):
            "an MSI-X table has 1 to 2048 vectors, not \(size)"
        case .msixNeedsMemoryBAR(let structure, let bar):
            "the \(structure.rawValue) lies in BAR \(bar), which is no memory BAR; add one"
        case .msixMisaligned(let structure, let offset):
            "the \(structure.rawValue) lies at offset \(offset); use a multiple of 8"
        case .msixOutsideBAR(let structure, let offset, let bytes, let size):
            "the \(structure.rawValue) has \(bytes) bytes at offset \(offset) of a BAR of "
                + "\(size) bytes; move it, or enlarge the BAR"
        case .msixTableOverlapsPBA(let bar):
            "the MSI-X table and the Pending Bit Array share bytes of BAR \(bar); move one"
        case .vendorMaskLengthDiffers(let body, let mask):
            "a vendor body of \(body) bytes has a mask of \(mask); give one mask byte for each"
        case .extendedCapabilityWithoutPCIExpress:
            "extended capabilities lie beyond byte 255; add the PCI Express capability"
        case .extendedCapabilityIDReserved(let id):
            "extended capability ID \(id) ends the list; use an assigned ID"
        case .extendedCapabilityVersionOutOfRange(let id, let version):
            "extended capability \(id) has version \(version); use 0 to 15"
        case .extendedCapabilitySpaceExhausted(let needed, let available):
            "extended capabilities need \(needed) bytes of \(available); shorten a body"
        }
    }
}
