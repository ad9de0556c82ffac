import InterruptTrace
import MessageSignaledInterrupts
import PCIConfigSpace
import Registers

/// Accesses to what lies behind the BARs.
extension PCIEndpoint {
    /// Reads `access`; what nothing answers reads all ones.
    public func readBAR(_ access: BARAccess) -> UInt64 {
        switch place(of: access) {
        case .undecoded:
            noteUndecoded()
            return access.width.allOnes
        case .table(let offset):
            return bus.interrupts.withMSIX { msix, _ in msix.readTable(at: offset, access.width) }
        case .pending(let offset):
            return bus.interrupts.withMSIX { msix, _ in msix.readPending(at: offset, access.width) }
        case .slots(let offset):
            let value = bus.interrupts.withStore { store, _ in
                store.readSlot(at: offset, access.width)
            }
            return value ?? access.width.allOnes
        case .device:
            return model.read(access, on: &bus)
        }
    }

    /// Writes `value`; what nothing answers is dropped and counted.
    public func writeBAR(_ value: UInt64, _ access: BARAccess) {
        switch place(of: access) {
        case .undecoded:
            noteUndecoded()
        case .table(let offset):
            bus.interrupts.withMSIX { msix, sends in
                // Only an access that the table takes shows that the guest's table is this one.
                if access.width.bytes >= 4, msix.maskAuthority != .table {
                    msix.setMaskAuthority(.table, into: &sends)
                }
                msix.writeTable(at: offset, access.width, value, into: &sends)
            }
        case .pending:
            bus.interrupts.withMSIX { msix, _ in msix.writePending() }
        case .slots(let offset):
            bus.interrupts.withStore { store, sends in
                store.writeSlot(at: offset, access.width, value, into: &sends)
            }
        case .device:
            model.write(value, access, on: &bus)
        }
    }

    /// A processor stores 64 bytes at once at the bus address `address`, a multiple of 64. Returns
    /// false if no BAR is there.
    package func store(line: RawSpan, at address: UInt64) -> Bool {
        for bar in description.bars {
            guard let start = config.barAddress(bar.index), address >= start,
                address - start <= UInt64(barReach[bar.index]) &- 64, barReach[bar.index] >= 64
            else { continue }
            for part in 0..<8 {
                writeBAR(
                    line.littleEndian(at: 8 * part),
                    BARAccess(
                        bar: bar.index, offset: Int(address - start) + 8 * part, width: .qword))
            }
            return true
        }
        return false
    }

    private enum Place {
        case undecoded
        case table(Int)
        case pending(Int)
        case slots(Int)
        case device
    }

    private func place(of access: BARAccess) -> Place {
        guard (0..<6).contains(access.bar), access.offset >= 0,
            access.offset <= barReach[access.bar] - access.width.bytes
        else { return .undecoded }
        if let bytes = messageStore?.bytes(ofBAR: access.bar), bytes.contains(access.offset) {
            return .slots(access.offset - bytes.lowerBound)
        }
        guard let msix = msixPlacement else { return .device }
        if access.bar == msix.table.bar, msix.tableBytes.contains(access.offset) {
            return .table(access.offset - msix.table.offset)
        }
        if access.bar == msix.pending.bar, msix.pendingBytes.contains(access.offset) {
            return .pending(access.offset - msix.pending.offset)
        }
        return .device
    }

    private func noteUndecoded() {
        oddAccesses.undecoded &+= 1
        bus.interrupts.record(.oddAccess, reason: .word(.undecoded))
    }
}
