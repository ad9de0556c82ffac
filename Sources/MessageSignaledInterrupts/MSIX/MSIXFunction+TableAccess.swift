public import Registers

/// The guest's accesses to the table and to the Pending Bit Array.
///
/// Aligned DWORDs and QWORDs are defined (PCIe 6.0 §7.7.2); every other access reads all ones,
/// changes nothing and is counted (rules MSIX-17 and MSIX-18).
extension MSIXFunction {
    /// What a read of `width` at byte `offset` of the table returns.
    public mutating func readTable(at offset: Int, _ width: AccessWidth) -> UInt64 {
        guard let place = TablePlace(offset, width, entries: vectors.count) else {
            oddAccesses.table &+= 1
            return width.allOnes
        }
        let entry = vectors[place.entry].entry
        let low = UInt64(entry[place.register])
        return width == .dword ? low : low | UInt64(entry[place.register + 1]) << 32
    }

    /// A write of `width` at byte `offset` of the table.
    ///
    /// A QWORD acts as its low DWORD followed by its high one, so that the data of a message is
    /// taken before the Mask Bit beside it acts (rule MSIX-15).
    public mutating func writeTable(
        at offset: Int, _ width: AccessWidth, _ value: UInt64, into sends: inout [Send]
    ) {
        guard let place = TablePlace(offset, width, entries: vectors.count) else {
            oddAccesses.table &+= 1
            return
        }
        write(UInt32(truncatingIfNeeded: value), place.register, of: place.entry)
        if width == .qword {
            write(UInt32(truncatingIfNeeded: value >> 32), place.register + 1, of: place.entry)
        }
        updateMask(place.entry)
        settle(place.entry, into: &sends)
    }

    /// What a read of `width` at byte `offset` of the Pending Bit Array returns. It consumes
    /// nothing; bits beyond the table are zero.
    public mutating func readPending(at offset: Int, _ width: AccessWidth) -> UInt64 {
        let aligned = offset >= 0 && offset & (width.bytes - 1) == 0
        guard aligned, width == .dword || width == .qword, offset >> 3 < pending.qwords.count else {
            oddAccesses.pending &+= 1
            return width.allOnes
        }
        let qword = pending.qwords[offset >> 3]
        return width == .qword ? qword : qword >> UInt64(8 * (offset & 4)) & width.allOnes
    }

    /// A write to the Pending Bit Array: without effect, and counted (rule MSIX-21).
    public mutating func writePending() {
        oddAccesses.pending &+= 1
    }

    /// Writes one DWORD. The address of a message in use is staged until its data or Vector Control
    /// is written, so that no message is ever half old and half new (rule MSIX-12).
    private mutating func write(_ value: UInt32, _ register: Int, of index: Int) {
        let isAddress = register < 2
        if isAddress, isLive(index) {
            vectors[index].staged = message(index)
        } else if !isAddress {
            vectors[index].staged = nil
        }
        vectors[index].entry.write(value, to: register)
    }

    /// Where in the table a defined access lands.
    private struct TablePlace {
        let entry: Int
        let register: Int

        init?(_ offset: Int, _ width: AccessWidth, entries: Int) {
            guard width == .dword || width == .qword, offset >= 0,
                offset & (width.bytes - 1) == 0,
                offset / MSIXCapability.entryBytes < entries
            else { return nil }
            entry = offset / MSIXCapability.entryBytes
            register = offset % MSIXCapability.entryBytes / 4
        }
    }
}
