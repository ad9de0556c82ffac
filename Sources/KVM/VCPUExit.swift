/// Why a processor came back from the guest.
public enum VCPUExit: Hashable, Sendable {
    /// The guest writes `count` elements of `bytes` to a port: `VCPUFile.portValue`.
    case portWrite(UInt16, bytes: Int, count: Int)
    /// The guest reads likewise: `VCPUFile.setPortValue`.
    case portRead(UInt16, bytes: Int, count: Int)
    /// The guest writes where no memory is, 1...8 bytes.
    case memoryWrite(UInt64, bytes: Int, UInt64)
    /// The guest reads where no memory is: `VCPUFile.setMemoryValue`.
    case memoryRead(UInt64, bytes: Int)
    /// An interrupt of the program's I/O APIC has ended at this local APIC.
    case endOfInterrupt(vector: UInt8)
    /// HLT, where no chip is in the kernel.
    case halted
    /// The processor has shut down, as after a triple fault.
    case shutdown
    /// KVM_SYSTEM_EVENT_*: the guest asked for power off or reset through the kernel.
    case systemEvent(UInt32)
    /// A signal came, or an exit was requested.
    case interrupted
    /// The hardware does not take the processor's state.
    case failedEntry(reason: UInt64)
    /// The kernel cannot go on, as when it meets an instruction that it cannot emulate.
    case internalError(suberror: UInt32)
    /// Nothing that a machine of this kind asks for.
    case unknown(reason: UInt32)
}
