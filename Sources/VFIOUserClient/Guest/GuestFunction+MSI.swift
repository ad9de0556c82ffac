public import LinuxKernel
public import PlatformTypes
import Registers
import VFIOInterface

/// MSI as a guest's kernel drives it (PCIe 6.0 §7.7.1).
extension GuestFunction {
    /// What Message Control offers and where the registers behind it lie.
    private struct Capability {
        let start: Int
        let control: UInt64

        var is64Bit: Bool { control >> 7 & 1 == 1 }
        var data: Int { start + (is64Bit ? 0x0c : 0x08) }
        var mask: Int? { control >> 8 & 1 == 1 ? data + 4 : nil }
    }

    /// Messages that the function offers; zero without the capability.
    public var messageCount: Int {
        get throws(ClientError) {
            guard let capability = try messages() else { return 0 }
            return 1 << Int(capability.control >> 1 & 7)
        }
    }

    /// Writes Message Address and Message Data, then Message Control with MSI Enable and a grant of
    /// `granted` messages, a power of two.
    ///
    /// Without effect if the function has no MSI.
    public func enableMessages(
        _ message: MSIMessage, granted: Int = 1
    ) throws(ClientError) {
        guard let capability = try messages() else { return }
        try writeConfig(message.address & 0xffff_fffc, at: capability.start + 4, .dword)
        if capability.is64Bit {
            try writeConfig(message.address >> 32, at: capability.start + 8, .dword)
        }
        try writeConfig(UInt64(message.data & 0xffff), at: capability.data, .word)
        let grant = UInt64(granted.trailingZeroBitCount) << 4
        try writeConfig(capability.control & ~0x71 | grant | 1, at: capability.start + 2, .word)
    }

    /// Clears MSI Enable. Without effect if the function has no MSI.
    public func disableMessages() throws(ClientError) {
        guard let capability = try messages() else { return }
        try writeConfig(capability.control & ~1, at: capability.start + 2, .word)
    }

    /// Writes Mask Bits. Without effect if the function has none.
    public func setMessageMask(_ bits: UInt32) throws(ClientError) {
        guard let mask = try messages()?.mask else { return }
        try writeConfig(UInt64(bits), at: mask, .dword)
    }

    /// Pending Bits; zero if the function has none.
    public func pendingMessages() throws(ClientError) -> UInt32 {
        guard let mask = try messages()?.mask else { return 0 }
        return UInt32(truncatingIfNeeded: try readConfig(mask + 4, .dword))
    }

    /// Has the message `number` arrive at `event`.
    public func bindMessage(_ number: Int, to event: borrowing EventFD) throws(ClientError) {
        try client.bind(.msi, number, to: event)
    }

    private func messages() throws(ClientError) -> Capability? {
        guard let start = offsets(ofCapability: 0x05).first else { return nil }
        return Capability(start: start, control: try readConfig(start + 2, .word))
    }
}
