import CLinuxUAPI
public import LinuxKernel
public import PlatformTypes

/// A virtual machine of the kernel's. It goes, with its routes and memory, when nobody holds it.
///
/// May be used from any thread: the kernel has its own locks.
public final class VMFile: Sendable {
    let descriptor: OwnedDescriptor
    private let capabilities: [KVMCapability: Int]

    init(_ descriptor: consuming OwnedDescriptor, capabilities: [KVMCapability: Int]) {
        self.descriptor = descriptor
        self.capabilities = capabilities
    }

    /// What the kernel answered for a capability when the machine was made.
    public func value(of capability: KVMCapability) -> Int { capabilities[capability] ?? 0 }

    // MARK: Interrupt chips

    /// Puts local APICs, I/O APIC and PIC into the kernel. Call before the first processor is made,
    /// and after memory is there: the other order costs milliseconds.
    ///
    /// - Throws: `KVM-CHIP`.
    public func makeChip() throws(HostError) {
        try HostFaults.meet(.kvmChip, "make", "the interrupt chip")
        _ = try HostError.check(
            uapi_kvm_create_chip(descriptor.raw), .kvmChip, "make", "the interrupt chip")
    }

    /// Puts local APICs alone into the kernel; the first `pins` routes are of an I/O APIC in the
    /// program, which hears of the end of its interrupts. Call before the first processor is made.
    ///
    /// - Throws: `KVM-CHIP`.
    public func makeSplitChip(pins: Int) throws(HostError) {
        try HostFaults.meet(.kvmChip, "split", "the interrupt chip")
        let answer = uapi_kvm_enable(
            descriptor.raw, UInt32(KVM_CAP_SPLIT_IRQCHIP), UInt64(pins))
        _ = try HostError.check(answer, .kvmChip, "split", "the interrupt chip")
    }

    /// Has messages name destinations of 32 bits, and broadcasts mean what x2APIC says
    /// (KVM_CAP_X2APIC_API). Call before the first processor is made.
    ///
    /// - Throws: `KVM-CHIP`.
    public func useWideDestinations() throws(HostError) {
        try HostFaults.meet(.kvmChip, "widen", "destinations")
        let flags = UInt64(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
        let answer = uapi_kvm_enable(descriptor.raw, UInt32(KVM_CAP_X2APIC_API), flags)
        _ = try HostError.check(answer, .kvmChip, "widen", "destinations")
    }

    // MARK: Memory

    /// Gives processors that need it four pages of the guest's addresses, below 4 GiB and away from
    /// memory.
    ///
    /// - Throws: `KVM-MEMORY`.
    public func setPrivatePages(at address: UInt64) throws(HostError) {
        let answer = uapi_kvm_set_private_pages(descriptor.raw, address)
        _ = try HostError.check(answer, .kvmMemory, "set aside", "private pages")
    }

    /// Shows the guest `memory` at `address`, in place of what `slot` showed.
    ///
    /// The memory has to live as long as the slot shows it.
    ///
    /// - Parameter range: of the memory; begins and ends at pages.
    /// - Throws: `KVM-MEMORY`.
    public func map(
        _ memory: MappedMemory, _ range: Range<Int>, at address: UInt64, slot: Int
    ) throws(HostError) {
        let subject = "memory at 0x\(String(address, radix: 16))"
        try HostFaults.meet(.kvmMemory, "map", subject)
        let flags = memory.access == .readOnly ? UInt32(KVM_MEM_READONLY) : 0
        let host = memory.hostAddress(of: range)
        let answer = uapi_kvm_set_memory(
            descriptor.raw, UInt32(slot), flags, address, UInt64(range.count), host)
        _ = try HostError.check(answer, .kvmMemory, "map", subject)
    }

    /// Shows nothing in `slot` any more; the guest's accesses exit. Without effect if it showed
    /// nothing.
    public func unmap(slot: Int) {
        _ = uapi_kvm_set_memory(descriptor.raw, UInt32(slot), 0, 0, 0, 0)
    }

    // MARK: Interrupts

    /// Delivers `message` at once, without a route (KVM_SIGNAL_MSI).
    ///
    /// Returns how many local APICs took it: 0 if none is addressed, or those that are do not
    /// listen.
    /// - Throws: `KVM-MESSAGE`.
    public func signal(_ message: MSIMessage) throws(HostError) -> Int {
        try HostFaults.meet(.kvmMessage, "deliver", "a message")
        let taken = uapi_kvm_signal_msi(descriptor.raw, message.address, message.data)
        return Int(try HostError.check(taken, .kvmMessage, "deliver", "a message"))
    }

    /// Sets the level of a pin, or raises an interrupt where its route is a message.
    ///
    /// Returns whether it was taken; false if it joined one that waits, or is masked.
    /// - Throws: `KVM-LINE`.
    @discardableResult
    public func setLine(_ gsi: Int, _ level: Bool) throws(HostError) -> Bool {
        try HostFaults.meet(.kvmLine, "set", "line \(gsi)")
        let status = uapi_kvm_irq_line(descriptor.raw, UInt32(gsi), level ? 1 : 0)
        return try HostError.check(status, .kvmLine, "set", "line \(gsi)") > 0
    }

    /// Has the kernel raise the interrupt of route `gsi` whenever `event` is signalled; at once if
    /// it is. Each event can be attached once, whatever the machine.
    ///
    /// - Throws: `KVM-IRQFD`.
    public func attach(_ event: CInt, to gsi: Int) throws(HostError) {
        try HostFaults.meet(.kvmEvent, "attach an event to", "route \(gsi)")
        let answer = uapi_kvm_irqfd(descriptor.raw, event, UInt32(gsi), 0, -1)
        _ = try HostError.check(answer, .kvmEvent, "attach an event to", "route \(gsi)")
    }

    /// Has the kernel assert pin `gsi` when `event` is signalled, deassert it at the end of its
    /// interrupt, and then signal `ended` (KVM_IRQFD_FLAG_RESAMPLE).
    ///
    /// - Throws: `KVM-IRQFD`; always with a split chip.
    public func attachLevel(_ event: CInt, to gsi: Int, ended: CInt) throws(HostError) {
        try HostFaults.meet(.kvmEvent, "attach a level to", "pin \(gsi)")
        let flags = UInt32(KVM_IRQFD_FLAG_RESAMPLE)
        let answer = uapi_kvm_irqfd(descriptor.raw, event, UInt32(gsi), flags, ended)
        _ = try HostError.check(answer, .kvmEvent, "attach a level to", "pin \(gsi)")
    }

    /// Ends that `event` raises route `gsi`. When it returns nothing more is raised by it, and what
    /// is signalled from now on stays in the event.
    public func detach(_ event: CInt, from gsi: Int) {
        let flags = UInt32(KVM_IRQFD_FLAG_DEASSIGN)
        let answer = uapi_kvm_irqfd(descriptor.raw, event, UInt32(gsi), flags, -1)
        precondition(answer == 0, "an open event can be detached")
    }

    /// Has `event` signalled, and the guest go on, when it writes so many bytes at `address`.
    ///
    /// - Parameters:
    ///   - bytes: 1, 2, 4 or 8; 0 for a write of any width, whose value is not looked at.
    ///   - value: what it must write; nil for anything.
    /// - Throws: `KVM-IOEVENTFD`.
    public func watch(
        _ address: UInt64, bytes: Int, value: UInt64? = nil, by event: borrowing EventFD
    ) throws(HostError) {
        let subject = "writes at 0x\(String(address, radix: 16))"
        try HostFaults.meet(.kvmWatch, "watch", subject)
        let answer = uapi_kvm_ioeventfd(
            descriptor.raw, event.raw, address, UInt32(bytes), value ?? 0,
            value == nil ? 0 : Self.datamatch)
        _ = try HostError.check(answer, .kvmWatch, "watch", subject)
    }

    /// Ends a watch with the same address, width, value and event.
    public func endWatch(
        _ address: UInt64, bytes: Int, value: UInt64? = nil, by event: borrowing EventFD
    ) {
        let flags = Self.deassign | (value == nil ? 0 : Self.datamatch)
        _ = uapi_kvm_ioeventfd(
            descriptor.raw, event.raw, address, UInt32(bytes), value ?? 0, flags)
    }

    // KVM_IOEVENTFD_FLAG_*, which are made of an enum that Swift does not see.
    private static let datamatch: UInt32 = 1 << 0
    private static let deassign: UInt32 = 1 << 2
}
