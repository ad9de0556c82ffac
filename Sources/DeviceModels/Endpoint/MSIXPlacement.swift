import MessageSignaledInterrupts
import PCIConfigSpace

/// Where a function's MSI-X table and Pending Bit Array lie.
struct MSIXPlacement {
    struct Place {
        let bar: Int
        let offset: Int
    }

    let tableSize: Int
    let table: Place
    let pending: Place

    /// The bytes of the table's BAR that the table takes.
    var tableBytes: Range<Int> {
        table.offset..<table.offset + MSIXCapability.tableBytes(tableSize: tableSize)
    }

    /// The bytes of the array's BAR that the array takes.
    var pendingBytes: Range<Int> {
        pending.offset..<pending.offset + MSIXCapability.pendingBytes(tableSize: tableSize)
    }
}

extension PCIFunctionDescription {
    /// Where MSI-X lies, or nil without it.
    var msixPlacement: MSIXPlacement? {
        for case .msix(let size, let tableBAR, let tableOffset, let pbaBAR, let pbaOffset)
            in capabilities
        {
            return MSIXPlacement(
                tableSize: size, table: .init(bar: tableBAR, offset: tableOffset),
                pending: .init(bar: pbaBAR, offset: pbaOffset))
        }
        return nil
    }
}
