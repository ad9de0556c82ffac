import MessageSignaledInterrupts
import PlatformTypes

/// The rules that a description keeps, one check for each part (rules CFG-50 to CFG-58).
extension PCIFunctionDescription {
    func checkIdentity() throws(PCIDescriptionError) {
        guard identity.vendor != 0xFFFF else { throw .vendorIDMeansAbsent }
    }

    func checkBARs() throws(PCIDescriptionError) {
        var taken: Set<Int> = []
        for bar in bars {
            let index = bar.index
            guard (0..<Type0Header.barSlots).contains(index) else {
                throw .barIndexOutOfRange(index: index)
            }
            guard bar.slots.upperBound <= Type0Header.barSlots else {
                throw .barNeedsTwoSlots(index: index)
            }
            for slot in bar.slots where !taken.insert(slot).inserted {
                throw .barSlotTaken(slot: slot)
            }
            guard bar.size.nonzeroBitCount == 1 else {
                throw .barSizeNotPowerOfTwo(index: index, size: bar.size)
            }
            let limits = bar.sizeLimits
            guard bar.size >= limits.lowerBound else {
                throw .barTooSmall(index: index, size: bar.size, minimum: limits.lowerBound)
            }
            guard bar.size <= limits.upperBound else {
                throw .barTooLarge(index: index, size: bar.size, maximum: limits.upperBound)
            }
        }
    }

    func checkCapabilities() throws(PCIDescriptionError) {
        var seen: Set<UInt8> = []
        for capability in capabilities {
            switch capability {
            case .vendor(let body, let writable):
                guard writable.isEmpty || writable.count == body.count else {
                    throw .vendorMaskLengthDiffers(body: body.count, mask: writable.count)
                }
                continue
            case .msix:
                try checkMSIX(capability)
            case .powerManagement, .pciExpress, .msi:
                break
            }
            guard seen.insert(capability.id).inserted else {
                throw .capabilityRepeated(id: capability.id)
            }
        }
        let needed = Self.bytes(capabilities.last?.length, at: capabilityOffsets, Type0Header.bytes)
        let available = Self.extendedStart - Type0Header.bytes
        guard needed <= available else {
            throw .capabilitySpaceExhausted(needed: needed, available: available)
        }
    }

    func checkExtendedCapabilities() throws(PCIDescriptionError) {
        guard extendedCapabilities.isEmpty || hasPCIExpress else {
            throw .extendedCapabilityWithoutPCIExpress
        }
        for capability in extendedCapabilities {
            let id = capability.id
            guard id != 0, id != 0xFFFF else { throw .extendedCapabilityIDReserved(id: id) }
            guard capability.version <= 15 else {
                throw .extendedCapabilityVersionOutOfRange(id: id, version: capability.version)
            }
        }
        let needed = Self.bytes(
            extendedCapabilities.last?.length, at: extendedCapabilityOffsets, Self.extendedStart)
        let available = 4096 - Self.extendedStart
        guard needed <= available else {
            throw .extendedCapabilitySpaceExhausted(needed: needed, available: available)
        }
    }

    private func checkMSIX(_ capability: PCICapability) throws(PCIDescriptionError) {
        guard
            case .msix(let tableSize, let tableBAR, let tableOffset, let pbaBAR, let pbaOffset) =
                capability
        else { return }
        guard (1...VectorIndex.tableLimit).contains(tableSize) else {
            throw .msixTableSizeOutOfRange(tableSize: tableSize)
        }
        let table = try bytes(
            of: .table, bar: tableBAR, offset: tableOffset,
            count: MSIXCapability.tableBytes(tableSize: tableSize))
        let pending = try bytes(
            of: .pendingBitArray, bar: pbaBAR, offset: pbaOffset,
            count: MSIXCapability.pendingBytes(tableSize: tableSize))
        guard tableBAR != pbaBAR || !table.overlaps(pending) else {
            throw .msixTableOverlapsPBA(bar: tableBAR)
        }
    }

    /// The bytes of its BAR that one of MSI-X's structures occupies.
    private func bytes(
        of structure: PCIDescriptionError.MSIXStructure, bar index: Int, offset: Int, count: Int
    ) throws(PCIDescriptionError) -> Range<Int> {
        guard let bar = bars.first(where: { $0.index == index && $0.space != .io }) else {
            throw .msixNeedsMemoryBAR(structure, bar: index)
        }
        guard offset & 7 == 0 else { throw .msixMisaligned(structure, offset: offset) }
        // The offset field has 29 bits above the BIR, so a structure begins below 4 GiB.
        guard (0..<(1 << 32)).contains(offset), UInt64(offset + count) <= bar.size else {
            throw .msixOutsideBAR(structure, offset: offset, bytes: count, barSize: bar.size)
        }
        return offset..<offset + count
    }

    /// Bytes from `start` to the end of the last block.
    private static func bytes(_ last: Int?, at offsets: [Int], _ start: Int) -> Int {
        guard let last, let offset = offsets.last else { return 0 }
        return offset + last - start
    }
}
