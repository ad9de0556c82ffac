/// A part of a file that is read into a guest's memory as it is.
public struct FilePlacement: Hashable, Sendable {
    /// Where in the file it begins, in bytes.
    public let fileOffset: Int
    /// How many bytes it has; at least 1.
    public let length: Int
    /// The guest-physical address of its first byte.
    public let address: UInt64

    /// The addresses it covers.
    public var range: Range<UInt64> { address..<address + UInt64(length) }
}

/// Registers of a processor that starts in long mode at privilege level 0: paging on, interrupts
/// off, code selector 0x10, data selectors 0x18 (`BootTables.gdt`).
public struct LongModeEntry: Hashable, Sendable {
    /// Where it begins.
    public let rip: UInt64
    /// The stack pointer; 0 if the image brings its own stack.
    public let rsp: UInt64
    /// The first argument of a function.
    public let rdi: UInt64
    /// The second argument of a function; for Linux the address of `boot_params`.
    public let rsi: UInt64
    /// The address of the top page table.
    public let cr3: UInt64
    /// The address of the global descriptor table.
    public let gdtBase: UInt64
    /// The last byte of the table, counted from its base.
    public let gdtLimit: UInt16
}
