public import Registers

/// The guest's writes: bytes are merged first, then what they mean is noted once.
extension ConfigSpace {
    /// A write of `width` at byte `offset`: any width at any offset is defined and acts on exactly
    /// the bytes it touches; bytes beyond the end are ignored (rules CFG-3 and CFG-4).
    ///
    /// It never allocates.
    public mutating func write(
        at offset: Int, _ width: AccessWidth, _ value: UInt64, into changes: inout ConfigChanges
    ) {
        let inside = within(offset, width.bytes)
        if inside.count < width.bytes { oddAccesses.writes &+= 1 }
        guard !inside.isEmpty else { return }
        let written = value >> UInt64(8 * (inside.lowerBound - offset))
        let commandBefore = command
        let powerBefore = powerState
        let bytesBefore = load(inside)
        merge(written, into: inside)
        discardUnsupportedPowerState(keeping: powerBefore)
        clampMultipleMessageEnable(inside)
        changes.note(command: commandBefore, command)
        noteBARs(changedBits: bytesBefore ^ load(inside), in: inside, into: &changes)
        noteMessageControl(inside, into: &changes)
        noteMSI(inside, into: &changes)
        notePowerState(from: powerBefore, into: &changes)
        noteFunctionLevelReset(written, in: inside, into: &changes)
        noteVendorBytes(inside, into: &changes)
    }

    /// A write of any number of bytes at byte `offset`: acts like byte writes, lowest first.
    public mutating func write(
        at offset: Int, _ source: RawSpan, into changes: inout ConfigChanges
    ) {
        let inside = within(offset, source.byteCount)
        if inside.count < source.byteCount { oddAccesses.writes &+= 1 }
        for at in inside {
            let byte = source.littleEndian(at: at - offset, as: UInt8.self)
            write(at: at, .byte, UInt64(byte), into: &changes)
        }
    }

    private mutating func merge(_ written: UInt64, into range: Range<Int>) {
        for at in range {
            let byte = UInt8(truncatingIfNeeded: written >> UInt64(8 * (at - range.lowerBound)))
            let store = layout.writeMask[at]
            bytes[at] = ((bytes[at] & ~store) | (byte & store)) & ~(byte & layout.clearMask[at])
        }
    }

    /// A write of a power state that the function has not is discarded (PCIe 6.0 §7.5.2.2).
    private mutating func discardUnsupportedPowerState(keeping before: PowerState) {
        guard let offset = layout.powerControlOffset else { return }
        let mask = PowerManagementCapability.powerStateMask
        guard PowerState(rawValue: bytes[offset] & mask) == nil else { return }
        bytes[offset] = (bytes[offset] & ~mask) | before.rawValue
    }

    private func noteBARs(
        changedBits: UInt64, in range: Range<Int>, into changes: inout ConfigChanges
    ) {
        guard changedBits != 0 else { return }
        for bar in function.bars {
            let first = Type0Header.firstBAROffset + 4 * bar.index
            let touched = (first..<first + 4 * bar.slots.count).clamped(to: range)
            guard !touched.isEmpty else { continue }
            let shift = UInt64(8 * (touched.lowerBound - range.lowerBound))
            if changedBits >> shift & Self.ones(bytes: touched.count) != 0 {
                changes.note(bar: bar.index)
            }
        }
    }

    private func noteMessageControl(_ range: Range<Int>, into changes: inout ConfigChanges) {
        // Both writable bits lie in the upper byte.
        guard let offset = layout.messageControlOffset, range.contains(offset + 1) else { return }
        changes.msixControl = msixControl
    }

    private func notePowerState(from before: PowerState, into changes: inout ConfigChanges) {
        guard let offset = layout.powerControlOffset else { return }
        let after = powerState
        changes.note(powerState: before, after)
        let keepsState = bytes[offset] & PowerManagementCapability.noSoftResetBit != 0
        if before == .d3hot, after == .d0, !keepsState { changes.resetRequests.insert(.soft) }
    }

    private func noteFunctionLevelReset(
        _ written: UInt64, in range: Range<Int>, into changes: inout ConfigChanges
    ) {
        guard let offset = layout.deviceControlOffset, layout.hasFunctionLevelReset,
            range.contains(offset + 1)
        else { return }
        let byte = written >> UInt64(8 * (offset + 1 - range.lowerBound))
        if byte << 8 & UInt64(PCIExpressCapability.initiateFLRBit) != 0 {
            changes.resetRequests.insert(.functionLevel)
        }
    }

    private func noteVendorBytes(_ range: Range<Int>, into changes: inout ConfigChanges) {
        for body in layout.vendorBodies where body.overlaps(range) {
            changes.note(vendorBytes: body.clamped(to: range))
        }
    }
}
