import BasicContainers
import KVM
import LinuxKernel
import Registers
import Synchronization

/// What all processors of a machine share: how it ends.
final class MachineLife: Sendable {
    private struct State {
        var end: MachineEnd?
    }

    private let state = Mutex(State())
    private let ended = ThreadSemaphore()
    private let isOver = Atomic(false)

    /// Whether the machine has come to its end.
    var hasEnded: Bool { isOver.load(ordering: .acquiring) }

    /// The machine ends so, unless it has ended before.
    func end(_ how: MachineEnd) {
        let isFirst = state.withLock { state in
            defer { if state.end == nil { state.end = how } }
            return state.end == nil
        }
        guard isFirst else { return }
        isOver.store(true, ordering: .releasing)
        ended.post()
    }

    /// Waits for the end.
    func wait() -> MachineEnd {
        ended.wait()
        return state.withLock { $0.end } ?? .stopped
    }
}

/// One processor with the thread that runs it.
struct ProcessorThread: ~Copyable {
    private let vcpu: VCPUFile
    private let thread: KernelThread

    /// Starts the thread; it runs the guest until the machine ends.
    init(_ vcpu: VCPUFile, on bus: MachineBus, _ lines: InterruptLines, _ life: MachineLife)
        throws(HostError)
    {
        self.vcpu = vcpu
        thread = try KernelThread(name: "vcpu-\(vcpu.id)") {
            let processor = Processor(vcpu: vcpu, bus: bus, lines: lines, life: life)
            while !life.hasEnded, processor.step() {}
        }
    }

    /// Ends the guest's run. The machine has ended, and the request outlives a signal that comes
    /// too early: no run begins after it.
    func interrupt() {
        vcpu.requestExit()
        thread.interrupt()
    }

    /// Returns once the thread is gone.
    consuming func join() {
        interrupt()
        thread.join()
    }
}

/// What a processor's exits ask for.
private struct Processor {
    let vcpu: VCPUFile
    let bus: MachineBus
    let lines: InterruptLines
    let life: MachineLife

    /// Runs the guest once, and does what it came back for. Returns whether it goes on.
    func step() -> Bool {
        let exit: VCPUExit
        do throws(HostError) {
            exit = try vcpu.run()
        } catch {
            life.end(.failed(error))
            return false
        }
        switch exit {
        case .memoryRead(let address, let bytes): vcpu.setMemoryValue(bus.read(address, bytes))
        case .memoryWrite(let address, let bytes, let value): bus.write(value, address, bytes)
        case .portRead(let port, let bytes, let count): readPort(port, bytes, count)
        case .portWrite(let port, let bytes, let count): writePort(port, bytes, count)
        case .endOfInterrupt(let vector): lines.endOfInterrupt(vector)
        case .interrupted, .halted: break
        default: return end(exit)
        }
        return true
    }

    private func readPort(_ port: UInt16, _ bytes: Int, _ count: Int) {
        guard let width = AccessWidth(bytes: bytes) else { return }
        for index in 0..<count { vcpu.setPortValue(index, bus.readPort(port, width)) }
    }

    private func writePort(_ port: UInt16, _ bytes: Int, _ count: Int) {
        guard let width = AccessWidth(bytes: bytes) else { return }
        for index in 0..<count { bus.writePort(vcpu.portValue(index), port, width) }
    }

    private func end(_ exit: VCPUExit) -> Bool {
        let address = try? vcpu.instructionPointer()
        switch exit {
        case .shutdown: life.end(.shutdown(processor: vcpu.id, at: address))
        case .systemEvent(2): life.end(.reset)
        case .systemEvent(1): life.end(.poweredOff)
        case .systemEvent(3): life.end(.shutdown(processor: vcpu.id, at: address))
        default: life.end(.stuck(processor: vcpu.id, at: address, reason: Self.reason(exit)))
        }
        return false
    }

    private static func reason(_ exit: VCPUExit) -> String {
        switch exit {
        case .internalError(1): "it met an instruction that it cannot emulate"
        case .internalError(let number): "internal error \(number)"
        case .failedEntry(let reason):
            "the hardware does not take its state, reason 0x\(String(reason, radix: 16))"
        default: "an exit that nothing here asks for, \(exit)"
        }
    }
}

/// The threads of a machine's processors.
struct ProcessorThreads: ~Copyable {
    private var running = UniqueArray<ProcessorThread>()

    mutating func start(
        _ vcpu: VCPUFile, on bus: MachineBus, _ lines: InterruptLines, _ life: MachineLife
    ) throws(HostError) {
        running.append(try ProcessorThread(vcpu, on: bus, lines, life))
    }

    /// Returns once all are gone. The machine has ended.
    mutating func joinAll() {
        for index in 0..<running.count { running[index].interrupt() }
        while !running.isEmpty { running.removeLast().join() }
    }
}
