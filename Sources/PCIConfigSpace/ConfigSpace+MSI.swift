public import MessageSignaledInterrupts

/// The registers of MSI (PCIe 6.0 §7.7.1) as they stand in configuration space.
extension ConfigSpace {
    /// What a guest has written, decoded; nil without the capability.
    public var msiRegisters: MSIRegisters? {
        guard let msi = layout.msi else { return nil }
        var registers = MSIRegisters()
        let control = UInt64(word(msi.control))
        registers.isEnabled = control & MSICapability.enableBit != 0
        registers.granted = 1 << Int(control >> MSICapability.enableShift & 7)
        registers.address = address(of: msi)
        registers.data = UInt32(word(msi.data.lowerBound))
        if control & MSICapability.extendedDataEnableBit != 0 {
            registers.data |= UInt32(word(msi.data.lowerBound + 2)) << 16
        }
        if let mask = msi.mask { registers.mask = UInt32(load(mask..<mask + 4)) }
        return registers
    }

    /// Sets Pending Bits, which a guest can only read. Without effect if the function has none.
    public mutating func setMSIPending(_ bits: UInt32) {
        guard let offset = layout.msi?.pending else { return }
        for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte)) }
    }

    private func address(of msi: MSIPlacement) -> UInt64 {
        let low = msi.start + MSICapability.addressOffset
        return load(low..<low + (msi.layout.is64Bit ? 8 : 4))
    }

    /// Stores in Multiple Message Enable at most what the function is capable of (rule MSI-12).
    mutating func clampMultipleMessageEnable(_ range: Range<Int>) {
        guard let msi = layout.msi, range.contains(msi.control) else { return }
        let shift = UInt8(MSICapability.enableShift)
        let written = Int(bytes[msi.control] >> shift & 7)
        let stored = MSIRegisters.storedEnable(written, capable: msi.layout)
        bytes[msi.control] = bytes[msi.control] & ~(7 << shift) | UInt8(stored) << shift
    }

    func noteMSI(_ range: Range<Int>, into changes: inout ConfigChanges) {
        guard let msi = layout.msi, msi.writable.overlaps(range), let registers = msiRegisters
        else { return }
        changes.note(msi: registers, wroteData: msi.data.overlaps(range))
    }
}
