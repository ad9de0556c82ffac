/// The MSI-X capability and table of a function under qtest (PCIe 6.0 section 7.7.2). Entries are
/// aimed at RAM, so that the test finds a message as a value in memory.
package struct QTestMSIX {
    package let function: QTestPCIFunction
    /// Where the capability lies in configuration space.
    package let capability: Int
    /// The number of entries.
    package let count: Int
    package let tableAddress: UInt64
    package let pendingAddress: UInt64

    /// Finds the capability of a function whose BARs are mapped.
    package init(_ function: QTestPCIFunction) throws(LabError) {
        guard let capability = try function.capabilities(0x11).first else {
            throw LabError("MSI-X", reason: "the function has no such capability")
        }
        self.function = function
        self.capability = capability
        count = Int(try function.config(read: capability + 2, width: 2) & 0x7ff) + 1
        tableAddress = try QTestMSIX.address(function, at: capability + 4)
        pendingAddress = try QTestMSIX.address(function, at: capability + 8)
    }

    /// Sets Message Control's enable and function mask bits.
    package func enable(_ isEnabled: Bool = true, isMasked: Bool = false) throws(LabError) {
        let bits: UInt32 = (isEnabled ? 0x8000 : 0) | (isMasked ? 0x4000 : 0)
        let control = try function.config(read: capability + 2, width: 2) & 0x3fff
        try function.config(write: capability + 2, width: 2, control | bits)
    }

    /// Writes an entry's address and data, then its mask bit.
    package func program(
        _ entry: Int, address: UInt64, data: UInt32, isMasked: Bool = false,
    ) throws(LabError) {
        let qtest = function.qtest
        try qtest.writel(self.address(of: entry), UInt32(truncatingIfNeeded: address))
        try qtest.writel(self.address(of: entry) + 4, UInt32(truncatingIfNeeded: address >> 32))
        try qtest.writel(self.address(of: entry) + 8, data)
        try setMasked(entry, isMasked)
    }

    /// Writes an entry's vector control: 1 masked, 0 not.
    package func setMasked(_ entry: Int, _ isMasked: Bool) throws(LabError) {
        try function.qtest.writel(address(of: entry) + 12, isMasked ? 1 : 0)
    }

    /// Reads the entry's bit of the pending bit array.
    package func isPending(_ entry: Int) throws(LabError) -> Bool {
        let quadword = try function.qtest.readq(pendingAddress + UInt64(entry / 64 * 8))
        return quadword >> (entry % 64) & 1 == 1
    }

    private func address(of entry: Int) -> UInt64 { tableAddress + UInt64(16 * entry) }

    private static func address(
        _ function: QTestPCIFunction, at offset: Int,
    ) throws(LabError) -> UInt64 {
        let word = try function.config(read: offset, width: 4)
        return try function.address(ofBAR: Int(word & 7)) + UInt64(word & ~7)
    }
}
