/// The MSI capability of a function under qtest (PCIe 6.0 section 7.7.1). The message is aimed at
/// RAM, so that the test finds it as a value in memory.
package struct QTestMSI {
    package let function: QTestPCIFunction
    /// Where the capability lies in configuration space.
    package let capability: Int
    /// Message Control as it was found.
    package let control: UInt32

    /// Finds the capability of a function.
    package init(_ function: QTestPCIFunction) throws(LabError) {
        guard let capability = try function.capabilities(0x05).first else {
            throw LabError("MSI", reason: "the function has no such capability")
        }
        self.function = function
        self.capability = capability
        control = try function.config(read: capability + 2, width: 2)
    }

    /// Whether Message Upper Address exists.
    package var is64Bit: Bool { control >> 7 & 1 == 1 }
    /// Whether Mask Bits and Pending Bits exist.
    package var hasMasking: Bool { control >> 8 & 1 == 1 }
    /// Messages that the function offers.
    package var messages: Int { 1 << (control >> 1 & 7) }

    private var dataOffset: Int { capability + (is64Bit ? 0x0c : 0x08) }

    /// Writes the address and the data.
    package func program(address: UInt64, data: UInt32) throws(LabError) {
        try function.config(
            write: capability + 4, width: 4, UInt32(truncatingIfNeeded: address))
        if is64Bit {
            try function.config(
                write: capability + 8, width: 4, UInt32(truncatingIfNeeded: address >> 32))
        }
        try function.config(write: dataOffset, width: 2, data)
    }

    /// Sets MSI Enable and grants two to the power of `exponent` messages.
    package func enable(_ isEnabled: Bool = true, exponent: UInt32 = 0) throws(LabError) {
        let value = control & ~0x71 | exponent << 4 | (isEnabled ? 1 : 0)
        try function.config(write: capability + 2, width: 2, value)
    }

    /// Writes Mask Bits.
    package func setMask(_ bits: UInt32) throws(LabError) {
        try function.config(write: dataOffset + 4, width: 4, bits)
    }

    /// Reads Pending Bits.
    package func pendingBits() throws(LabError) -> UInt32 {
        try function.config(read: dataOffset + 8, width: 4)
    }
}
