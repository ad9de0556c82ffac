import EventLoops
package import InterruptDelivery
package import KVM
import LinuxKernel
import Synchronization

/// What a machine has for its devices.
package struct MachineParts: Sendable {
    package let machine: VMFile
    package let memory: MachineMemory
    package let router: EventRouter
    let lines: InterruptLines
    let loop: LoopHandle
    /// Numbers of memory slots that nobody has, beyond those of the machine's memory.
    let slots: MemorySlots
    private let tenants = TenantNumbers()

    var sender: MessageSender { router.sender }

    init(
        machine: VMFile, memory: MachineMemory, router: EventRouter, lines: InterruptLines,
        loop: LoopHandle
    ) {
        self.machine = machine
        self.memory = memory
        self.router = router
        self.lines = lines
        self.loop = loop
        slots = MemorySlots(from: memory.parts.count)
    }

    /// A number for a tenant of the loop.
    func nextTenant() -> UInt64 { tenants.next() }
}

/// Numbers for tenants of a loop, each given once.
private final class TenantNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// The kernel's memory slots, of which each shows one range.
final class MemorySlots: Sendable {
    private struct State {
        var next: Int
        var free: [Int] = []
    }

    private let state: Mutex<State>

    init(from first: Int) { state = Mutex(State(next: first)) }

    func take() -> Int {
        state.withLock { state in
            if let slot = state.free.popLast() { return slot }
            defer { state.next += 1 }
            return state.next
        }
    }

    func giveBack(_ slot: Int) { state.withLock { $0.free.append(slot) } }
}
