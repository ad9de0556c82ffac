public import LinuxKernel
public import PlatformTypes
public import Registers
import VFIOInterface

/// A PCI function as a guest's kernel drives it: configuration space, BARs, interrupts.
///
/// The guest writes the MSI-X table through the BAR, so that masks and pending bits are the
/// device's own and nothing in between hides them.
public final class GuestFunction {
    /// The connection to the device.
    public let client: VFIOUserClient
    /// MSI-X vectors in the table; zero without the capability.
    public private(set) var vectorCount = 0

    private var capabilities: [(id: UInt8, offset: Int)] = []
    private var table = Place(bar: 0, offset: 0)
    private var pending = Place(bar: 0, offset: 0)
    private var control = 0

    private struct Place {
        let bar: Int
        let offset: Int

        init(bar: Int, offset: Int) {
            self.bar = bar
            self.offset = offset
        }

        init(register: UInt64) {
            self.init(bar: Int(register & 7), offset: Int(register & ~7))
        }
    }

    /// Finds out what the function has, and lets it decode its BARs and reach memory.
    public init(_ client: VFIOUserClient) throws(ClientError) {
        self.client = client
        var offset = Int(try client.read(.config, at: 0x34, .byte))
        while offset != 0, capabilities.count < 48 {
            let header = try client.read(.config, at: UInt64(offset), .word)
            capabilities.append((UInt8(truncatingIfNeeded: header), offset))
            offset = Int(header >> 8)
        }
        if let msix = capabilities.first(where: { $0.id == 0x11 })?.offset {
            control = msix + 2
            vectorCount = Int(try readConfig(control, .word) & 0x7ff) + 1
            table = Place(register: try readConfig(msix + 4, .dword))
            pending = Place(register: try readConfig(msix + 8, .dword))
        }
        try writeConfig(0x0006, at: 4, .word)
    }

    /// The offsets of the capabilities with `id`, in the order of the list.
    public func offsets(ofCapability id: UInt8) -> [Int] {
        capabilities.filter { $0.id == id }.map(\.offset)
    }

    // MARK: Registers

    /// Reads configuration space.
    public func readConfig(_ offset: Int, _ width: AccessWidth) throws(ClientError) -> UInt64 {
        try client.read(.config, at: UInt64(offset), width)
    }

    /// Writes configuration space.
    public func writeConfig(
        _ value: UInt64, at offset: Int, _ width: AccessWidth
    ) throws(ClientError) {
        try client.write(value, .config, at: UInt64(offset), width)
    }

    /// Reads a register behind a BAR.
    public func read(
        bar: Int, _ offset: Int, _ width: AccessWidth
    ) throws(ClientError) -> UInt64 {
        try client.read(.bar(bar), at: UInt64(offset), width)
    }

    /// Writes a register behind a BAR.
    public func write(
        _ value: UInt64, bar: Int, at offset: Int, _ width: AccessWidth
    ) throws(ClientError) {
        try client.write(value, .bar(bar), at: UInt64(offset), width)
    }

    // MARK: MSI-X

    /// Sets MSI-X Enable and Function Mask.
    public func setMSIX(enable: Bool, functionMask: Bool = false) throws(ClientError) {
        try writeConfig((enable ? 0x8000 : 0) | (functionMask ? 0x4000 : 0), at: control, .word)
    }

    /// Programs the entry of `vector` and sets its Mask Bit as wanted.
    public func program(
        _ vector: Int, _ message: MSIMessage, masked: Bool = false
    ) throws(ClientError) {
        let entry = table.offset + 16 * vector
        try write(message.address, bar: table.bar, at: entry, .qword)
        try write(UInt64(message.data), bar: table.bar, at: entry + 8, .dword)
        try setMask(vector, masked)
    }

    /// Sets or clears the Mask Bit of `vector`.
    public func setMask(_ vector: Int, _ masked: Bool) throws(ClientError) {
        try write(
            masked ? 1 : 0, bar: table.bar, at: table.offset + 16 * vector + 12, .dword)
    }

    /// Whether the Pending Bit Array shows `vector`.
    public func isPending(_ vector: Int) throws(ClientError) -> Bool {
        let qword = try read(bar: pending.bar, pending.offset + vector / 64 * 8, .qword)
        return qword >> UInt64(vector % 64) & 1 != 0
    }

    /// Has the messages of `vector` arrive at `event`.
    public func bind(_ vector: Int, to event: borrowing EventFD) throws(ClientError) {
        try client.bind(.msix, vector, to: event)
    }

    /// Binds nothing to MSI-X any more.
    public func unbindMessages() throws(ClientError) { try client.disable(.msix) }

    // MARK: The pin

    /// Has the pin arrive at `event`.
    public func bindPin(to event: borrowing EventFD) throws(ClientError) {
        try client.bind(.intx, 0, to: event)
    }

    /// Says that the pin's cause was dealt with; it arrives again if it still holds.
    public func unmaskPin() throws(ClientError) { try client.unmask(.intx, 0) }
}
