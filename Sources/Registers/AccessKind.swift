/// What a guest's write does to a field, in the words of PCI Express 6.0 §7.4.
public enum AccessKind: String, Sendable, CaseIterable {
    /// The write is ignored.
    case readOnly = "RO"
    /// The written bits are stored.
    case readWrite = "RW"
    /// Written ones clear, written zeros keep.
    case writeOneToClear = "RW1C"
    /// Reads as zero, and the write is ignored.
    case reservedZero = "RsvdZ"
    /// Reads as its reset value, and the write is ignored; software must write back what it read.
    case reservedPreserve = "RsvdP"
}
