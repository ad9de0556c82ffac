import PlatformTypes
import Registers

/// The registers of one table entry as the guest wrote them.
struct MSIXEntry: Hashable, Sendable {
    private var address = UInt32(MSIXTableEntry.address.resetValue)
    private var upperAddress = UInt32(MSIXTableEntry.upperAddress.resetValue)
    private var data = UInt32(MSIXTableEntry.data.resetValue)
    private var vectorControl = UInt32(MSIXTableEntry.vectorControl.resetValue)

    /// Whether the Mask Bit is set.
    var isMasked: Bool { vectorControl & 1 != 0 }

    /// The message that the registers spell.
    var message: MSIMessage {
        MSIMessage(address: UInt64(address) | UInt64(upperAddress) << 32, data: data)
    }

    /// DWORD `number` of the entry: address, upper address, data, vector control.
    subscript(number: Int) -> UInt32 {
        switch number {
        case 0: address
        case 1: upperAddress
        case 2: data
        default: vectorControl
        }
    }

    /// Writes DWORD `number`; bits that the specification reserves keep their value.
    mutating func write(_ value: UInt32, to number: Int) {
        let layout = MSIXTableEntry.registers[number]
        let merged = UInt32(
            truncatingIfNeeded: layout.merging(UInt64(value), into: UInt64(self[number])))
        switch number {
        case 0: address = merged
        case 1: upperAddress = merged
        case 2: data = merged
        default: vectorControl = merged
        }
    }
}
