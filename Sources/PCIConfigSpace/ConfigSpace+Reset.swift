/// Resets, and what outlives them.
extension ConfigSpace {
    /// Which reset a function goes through (PCIe 6.0 §6.6).
    public enum ResetKind: Sendable, CaseIterable {
        /// Power-on, or a reset of the whole machine: nothing survives.
        case conventional
        /// Function Level Reset, or D3hot to D0 without No_Soft_Reset: the fields that PCIe 6.0
        /// §6.6.2 exempts survive.
        case function
    }

    /// Returns every register to its reset value; counts of accesses go on.
    ///
    /// Call it after the device itself has been reset. Interrupt Status is zero afterwards; a
    /// device whose cause still holds states it again.
    ///
    /// - Returns: what the owner must act on.
    @discardableResult
    public mutating func reset(_ kind: ResetKind = .function) -> ConfigChanges {
        var changes = ConfigChanges()
        let commandBefore = command
        let powerBefore = powerState
        let msixBefore = msixControl
        let msiBefore = msiRegisters
        noteBARsThatResetChanges(into: &changes)
        for at in bytes.indices {
            let surviving = kind == .function ? layout.survivingMask[at] : 0
            bytes[at] = (layout.resetImage[at] & ~surviving) | (bytes[at] & surviving)
        }
        changes.note(command: commandBefore, command)
        changes.note(powerState: powerBefore, powerState)
        if msixControl != msixBefore { changes.msixControl = msixControl }
        if let msi = msiRegisters, msi != msiBefore { changes.note(msi: msi, wroteData: true) }
        return changes
    }

    private func noteBARsThatResetChanges(into changes: inout ConfigChanges) {
        for bar in function.bars {
            let first = Type0Header.firstBAROffset + 4 * bar.index
            let differs = (first..<first + 4 * bar.slots.count)
                .contains { bytes[$0] != layout.resetImage[$0] }
            if differs { changes.note(bar: bar.index) }
        }
    }
}
