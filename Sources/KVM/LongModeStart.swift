import CLinuxUAPI

/// Where and how a processor begins in 64-bit mode: flat segments, interrupts off, paging on.
public struct LongModeStart: Hashable, Sendable {
    /// The first instruction.
    public var instruction: UInt64
    /// RSP.
    public var stack: UInt64 = 0
    /// RDI.
    public var firstArgument: UInt64 = 0
    /// RSI.
    public var secondArgument: UInt64 = 0
    /// CR3: the top of page tables that map every address used at first.
    public var pageTables: UInt64
    /// The address of the segment descriptors: code at selector 0x10, data at 0x18.
    public var descriptors: UInt64
    /// Bytes of them, less one.
    public var descriptorsLimit: UInt16

    /// A start with nothing in the registers but the instruction's address.
    public init(
        instruction: UInt64, pageTables: UInt64, descriptors: UInt64, descriptorsLimit: UInt16
    ) {
        self.instruction = instruction
        self.pageTables = pageTables
        self.descriptors = descriptors
        self.descriptorsLimit = descriptorsLimit
    }

    // Intel SDM volume 3, 2.2.1 and 2.5.
    private static let longMode: UInt64 = 1 << 8 | 1 << 10
    private static let protectedPaging: UInt64 = 1 << 31 | 1 << 4 | 1 << 0
    private static let physicalAddressExtension: UInt64 = 1 << 5

    func apply(to registers: inout kvm_sregs) {
        var code = kvm_segment()
        code.selector = 0x10
        code.limit = 0xffff_ffff
        code.type = 0xb
        code.present = 1
        code.s = 1
        code.l = 1
        code.g = 1
        var data = code
        data.selector = 0x18
        data.type = 0x3
        data.l = 0
        data.db = 1
        registers.cs = code
        registers.ds = data
        registers.es = data
        registers.fs = data
        registers.gs = data
        registers.ss = data
        registers.gdt.base = descriptors
        registers.gdt.limit = descriptorsLimit
        registers.idt.base = 0
        registers.idt.limit = 0
        registers.cr0 = Self.protectedPaging
        registers.cr3 = pageTables
        registers.cr4 = Self.physicalAddressExtension
        registers.efer = Self.longMode
    }

    func apply(to registers: inout kvm_regs) {
        registers.rip = instruction
        registers.rsp = stack
        registers.rdi = firstArgument
        registers.rsi = secondArgument
        // The bit that is always set (Intel SDM volume 1, 3.4.3).
        registers.rflags = 2
    }
}
