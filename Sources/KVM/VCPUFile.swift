import CLinuxUAPI
import Glibc
public import LinuxKernel

/// A virtual processor of the kernel's.
///
/// One thread runs it and looks at its registers; `requestExit` may be called from any.
@safe  // SAFETY: the page that the kernel shares lives as long as this object; only the thread that
// runs the processor looks at it, but for the one byte that `requestExit` stores atomically.
public final class VCPUFile: @unchecked Sendable {
    /// Its number; its local APIC has the same.
    public let id: Int
    private let descriptor: OwnedDescriptor
    private let machine: VMFile
    private let shared: UnsafeMutablePointer<kvm_run>
    private let sharedBytes: Int

    var raw: CInt { descriptor.raw }
    private var subject: String { "processor \(id)" }

    init(_ id: Int, in machine: VMFile, runBytes: Int) throws(HostError) {
        try HostFaults.meet(.kvmProcessor, "make", "processor \(id)")
        let made = uapi_kvm_create_vcpu(machine.descriptor.raw, UInt32(id))
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(made, .kvmProcessor, "make", "processor \(id)"))
        var place: UnsafeMutablePointer<kvm_run>?
        // SAFETY: the kernel chooses the place, so no memory of ours is replaced.
        let answer = unsafe uapi_kvm_map_run(descriptor.raw, runBytes, &place)
        guard answer == 0, let place = unsafe place else {
            throw HostError(.kvmProcessor, "map", "processor \(id)", errno: answer)
        }
        self.id = id
        self.machine = machine
        sharedBytes = runBytes
        unsafe shared = place
    }

    deinit {
        // SAFETY: whoever could use the page held this object.
        unsafe uapi_kvm_unmap_run(shared, sharedBytes)
    }

    // MARK: Running

    /// Runs the guest until it needs something, and says what.
    ///
    /// - Throws: `KVM-RUN` if the kernel cannot run it.
    public func run() throws(HostError) -> VCPUExit {
        try HostFaults.meet(.kvmRun, "run", subject)
        let answer = uapi_kvm_run(descriptor.raw)
        if answer == -EINTR || answer == -EAGAIN { return .interrupted }
        _ = try HostError.check(answer, .kvmRun, "run", subject)
        return exit
    }

    /// Has the next `run` return `interrupted` at once. One that is under way needs a signal to its
    /// thread besides, `KernelThread.interrupt`.
    public func requestExit() {
        // SAFETY: one byte of the shared page, stored atomically.
        unsafe uapi_kvm_request_exit(shared, 1)
    }

    /// Ends a request; only by the thread that runs the processor.
    public func acceptExit() {
        // SAFETY: as above.
        unsafe uapi_kvm_request_exit(shared, 0)
    }

    private var exit: VCPUExit {
        // SAFETY: the kernel has filled the member of the union that the reason names, and does not
        // touch it until the next run.
        let shared = unsafe shared
        let reason = unsafe shared.pointee.exit_reason
        switch CInt(reason) {
        case KVM_EXIT_IO: return portExit
        case KVM_EXIT_MMIO: return memoryExit
        case KVM_EXIT_IOAPIC_EOI:
            return unsafe .endOfInterrupt(vector: shared.pointee.eoi.vector)
        case KVM_EXIT_HLT: return .halted
        case KVM_EXIT_SHUTDOWN: return .shutdown
        case KVM_EXIT_INTR: return .interrupted
        case KVM_EXIT_SYSTEM_EVENT:
            return unsafe .systemEvent(shared.pointee.system_event.type)
        case KVM_EXIT_FAIL_ENTRY:
            return unsafe .failedEntry(
                reason: shared.pointee.fail_entry.hardware_entry_failure_reason)
        case KVM_EXIT_INTERNAL_ERROR:
            return unsafe .internalError(suberror: shared.pointee.`internal`.suberror)
        default: return .unknown(reason: reason)
        }
    }

    private var portExit: VCPUExit {
        // SAFETY: only after KVM_EXIT_IO.
        let io = unsafe shared.pointee.io
        let count = Int(io.count)
        return io.direction == UInt8(KVM_EXIT_IO_OUT)
            ? .portWrite(io.port, bytes: Int(io.size), count: count)
            : .portRead(io.port, bytes: Int(io.size), count: count)
    }

    private var memoryExit: VCPUExit {
        // SAFETY: only after KVM_EXIT_MMIO.
        let access = unsafe shared.pointee.mmio
        let bytes = Int(access.len)
        guard access.is_write != 0 else { return .memoryRead(access.phys_addr, bytes: bytes) }
        var value: UInt64 = 0
        unsafe withUnsafeBytes(of: access.data) { data in
            for index in 0..<min(bytes, 8) {
                unsafe value |= UInt64(data[index]) << UInt64(8 * index)
            }
        }
        return .memoryWrite(access.phys_addr, bytes: bytes, value)
    }

    /// What the guest writes to a port: the element `index` of a `portWrite`.
    public func portValue(_ index: Int) -> UInt32 {
        var value: UInt32 = 0
        // SAFETY: the kernel put `count` elements of `size` bytes there, and both are checked.
        unsafe withPortElement(index) { bytes in
            for place in bytes.indices {
                unsafe value |= UInt32(bytes[place]) << UInt32(8 * place)
            }
        }
        return value
    }

    /// Answers the element `index` of a `portRead`.
    public func setPortValue(_ index: Int, _ value: UInt32) {
        // SAFETY: as above.
        unsafe withPortElement(index) { bytes in
            for place in bytes.indices {
                unsafe bytes[place] = UInt8(truncatingIfNeeded: value >> UInt32(8 * place))
            }
        }
    }

    private func withPortElement(_ index: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Void)
    {
        // SAFETY: only after KVM_EXIT_IO.
        let io = unsafe shared.pointee.io
        precondition(index >= 0 && index < Int(io.count), "an element of the access")
        // SAFETY: the kernel gives room for count elements of size bytes at its offset in the page.
        unsafe body(
            UnsafeMutableBufferPointer(
                start: uapi_kvm_port_bytes(shared) + index * Int(io.size), count: Int(io.size)))
    }

    /// Answers a `memoryRead`.
    public func setMemoryValue(_ value: UInt64) {
        // SAFETY: only after KVM_EXIT_MMIO; the member has eight bytes.
        unsafe withUnsafeMutableBytes(of: &shared.pointee.mmio.data) { data in
            for index in 0..<8 {
                unsafe data[index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            }
        }
    }

    // MARK: State

    /// Puts the processor into 64-bit mode at `start`. Call before it runs.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func enterLongMode(_ start: LongModeStart) throws(HostError) {
        try HostFaults.meet(.kvmProcessor, "set up", subject)
        var system = kvm_sregs()
        var answer = unsafe uapi_kvm_get_system_registers(descriptor.raw, &system)
        _ = try HostError.check(answer, .kvmProcessor, "look at", subject)
        start.apply(to: &system)
        answer = unsafe uapi_kvm_set_system_registers(descriptor.raw, &system)
        _ = try HostError.check(answer, .kvmProcessor, "set up", subject)
        var registers = kvm_regs()
        start.apply(to: &registers)
        answer = unsafe uapi_kvm_set_registers(descriptor.raw, &registers)
        _ = try HostError.check(answer, .kvmProcessor, "set up", subject)
    }

    /// Has the processor run from its registers, or wait for INIT and SIPI.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func setRunnable(_ runnable: Bool) throws(HostError) {
        try HostFaults.meet(.kvmProcessor, "start", subject)
        let answer = uapi_kvm_set_runnable(descriptor.raw, runnable ? 1 : 0)
        _ = try HostError.check(answer, .kvmProcessor, "start", subject)
    }

    /// Sets a model-specific register.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func setMSR(_ index: UInt32, _ value: UInt64) throws(HostError) {
        let answer = uapi_kvm_set_msr(descriptor.raw, index, value)
        _ = try HostError.check(answer, .kvmProcessor, "set a register of", subject)
    }

    /// Where the processor is, for reports.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func instructionPointer() throws(HostError) -> UInt64 {
        var registers = kvm_regs()
        let answer = unsafe uapi_kvm_get_registers(descriptor.raw, &registers)
        _ = try HostError.check(answer, .kvmProcessor, "look at", subject)
        return registers.rip
    }

    // MARK: The local APIC

    /// The vectors that wait in its local APIC (Interrupt Request Register), without changing any:
    /// a witness of what arrived that needs no guest.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func requestedVectors() throws(HostError) -> [UInt8] {
        var state = kvm_lapic_state()
        let answer = unsafe uapi_kvm_get_local_apic(descriptor.raw, &state)
        _ = try HostError.check(answer, .kvmProcessor, "look at the APIC of", subject)
        // SAFETY: the registers are read within the closure.
        return unsafe withUnsafeBytes(of: state.regs) { registers in
            (UInt8.min...UInt8.max).filter { vector in
                let place = Self.requestRegister + Int(vector / 32) * 16 + Int(vector % 32 / 8)
                return unsafe registers[place] >> (vector % 8) & 1 == 1
            }
        }
    }

    /// Software-enables its local APIC, and empties it: as the guest would, for tests and
    /// benchmarks without one.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func enableLocalAPIC() throws(HostError) {
        var state = kvm_lapic_state()
        var answer = unsafe uapi_kvm_get_local_apic(descriptor.raw, &state)
        _ = try HostError.check(answer, .kvmProcessor, "look at the APIC of", subject)
        // SAFETY: the registers lie within the 1024 bytes of the state.
        unsafe withUnsafeMutableBytes(of: &state.regs) { registers in
            unsafe registers[Self.spuriousRegister] = 0xff
            unsafe registers[Self.spuriousRegister + 1] |= 1
            for place in 0..<0x80 { unsafe registers[Self.requestRegister + place] = 0 }
        }
        answer = unsafe uapi_kvm_set_local_apic(descriptor.raw, &state)
        _ = try HostError.check(answer, .kvmProcessor, "enable the APIC of", subject)
    }

    // Intel SDM volume 3, table 11-1.
    private static let requestRegister = 0x200
    private static let spuriousRegister = 0xf0
}
