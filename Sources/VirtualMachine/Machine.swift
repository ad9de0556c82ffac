public import DeviceModels
import EventLoops
import IRQDomains
public import InterruptDelivery
public import KVM
public import LinuxKernel
public import MachineModels
import Registers
import Synchronization

/// An x86-64 machine on KVM: processors, memory, one PCI bus, a serial port and interrupt chips.
///
/// Make it, add devices, run it once, and let go of it: then everything of it is gone. Devices may
/// come and go while it runs. May be used from any thread.
public final class Machine: Sendable {
    /// What a machine has.
    public struct Configuration: Sendable {
        /// How much memory and how many processors.
        public var layout: MachineLayout
        /// Where its I/O APIC is.
        public var chip = RouteTable.Chip.kernel
        /// The most routes to use; nil for what the kernel takes.
        public var routes: Int?
        /// Whether devices may expect more routes together than there are.
        public var overcommitsRoutes = false
        /// The most vectors that devices in this program may hold together.
        public var vectors = 1 << 16

        /// A machine of `layout`.
        public init(layout: MachineLayout) { self.layout = layout }
    }

    /// What it has.
    public let configuration: Configuration
    package let parts: MachineParts
    package let pci = PCIBus()
    /// What backs the vectors of devices in this program.
    let vectors: VectorPool
    private let assignment = AddressAssignment()
    private let addresses = Mutex<[Int: [Range<UInt64>]]>([:])
    let bus: MachineBus
    private let console: SerialConsole
    private let life: MachineLife
    private let system: KVMSystem
    private let loopThread: Mutex<KernelThread?>
    let observe: @Sendable (MachineEvent) -> Void

    /// Makes a machine whose processors have not begun.
    ///
    /// - Parameters:
    ///   - show: takes what the guest writes to its serial port.
    ///   - observe: hears of what its owner should know; called on any thread.
    public init(
        _ configuration: Configuration, show: @escaping @Sendable ([UInt8]) -> Void,
        observe: @escaping @Sendable (MachineEvent) -> Void = { _ in }
    ) throws(HostError) {
        self.configuration = configuration
        self.observe = observe
        system = try KVMSystem()
        try system.require(Self.needs(configuration.chip))
        let machine = try system.makeVM()
        let memory = try MachineMemory(configuration.layout)
        try memory.show(in: machine)
        try machine.setPrivatePages(at: Self.privatePages)
        switch configuration.chip {
        case .kernel: try machine.makeChip()
        case .split: try machine.makeSplitChip(pins: RouteTable.pins)
        }
        try machine.useWideDestinations()
        let table = try RouteTable(
            of: machine, chip: configuration.chip, limit: configuration.routes,
            overcommits: configuration.overcommitsRoutes)
        let sender = MessageSender(to: machine, format: .x2apic) { memory.store($0) }
        let life = MachineLife()
        self.life = life
        let started = try LoopHandle.start(name: "machine") { observe(.host($0)) }
        let loop = started.handle
        let thread = started.take()
        let router: EventRouter
        do throws(HostError) {
            router = try EventRouter(table: table, sender: sender, on: loop) {
                observe(.host($0))
            }
        } catch {
            loop.post { $0.stop() }
            thread.join()
            throw error
        }
        loopThread = Mutex(thread)
        let lines = InterruptLines(table: table, sender: sender) { observe(.host($0)) }
        parts = MachineParts(
            machine: machine, memory: memory, router: router, lines: lines, loop: loop)
        vectors = VectorPool(name: "machine", capacity: configuration.vectors)
        console = SerialConsole(lines: lines, show: show)
        bus = MachineBus(pci: pci, lines: lines, console: console) { life.end($0) }
        pci.plug(HostBridge(), into: 0)
    }

    deinit {
        for slot in pci.devices.keys { _ = pci.unplug(slot) }
        parts.loop.post { $0.stop() }
        loopThread.withLock { $0.take() }?.join()
    }

    /// Away from memory, devices and chips.
    private static let privatePages: UInt64 = 0xfffb_c000

    /// What the kernel must have for a machine whose I/O APIC is there.
    public static func needs(_ chip: RouteTable.Chip) -> [KVMCapability] {
        [
            .userMemory, .routes, .irqfd, .messages, .x2apic, .immediateExit,
            chip == .kernel ? .chip : .splitChip,
        ] + (chip == .kernel ? [.resample] : [])
    }

    // MARK: Devices

    /// Adds a device of this program.
    ///
    /// - Parameters:
    ///   - slot: where on the bus; nil for the first that is free.
    ///   - make: makes the model.
    /// - Returns: its slot.
    @discardableResult
    public func add<Model: DeviceModel>(
        _ name: String, slot: Int? = nil,
        _ make: sending () throws(HostError) -> sending Model
    ) throws(MachineError) -> Int {
        guard let slot = pci.claim(slot) else { throw .slot(device: name) }
        do throws(MachineError) {
            let device = try InProcessDevice(name, slot: slot, parts, pool: vectors, make)
            do throws(HostError) { try device.live() } catch { throw .host(error) }
            try plug(device, name, slot)
        } catch {
            pci.giveUp(slot)
            throw error
        }
        return slot
    }

    /// Gives the device its addresses and puts it into `slot`, which was claimed for it.

    func plug(_ device: any BusDevice, _ name: String, _ slot: Int) throws(MachineError) {
        guard let ranges = assignment.assign(device) else {
            device.remove()
            throw .addresses(device: name)
        }
        addresses.withLock { $0[slot] = ranges }
        pci.plug(device, into: slot)
    }

    /// Takes the device out of `slot`, also while it fires: when it returns, nothing of it arrives
    /// any more. Returns false if there is none.
    @discardableResult
    public func remove(slot: Int) -> Bool {
        guard pci.unplug(slot) != nil else { return false }
        assignment.giveBack(addresses.withLock { $0.removeValue(forKey: slot) } ?? [])
        return true
    }

    // MARK: Running

    /// Loads `image`, and runs the machine until its end. Call once.
    public func run(_ image: MachineImage) throws(MachineError) -> MachineEnd {
        let program = try image.program(
            for: configuration.layout, isSplit: configuration.chip == .split)
        program.load(into: parts.memory)
        do throws(HostError) {
            let vcpus = try makeProcessors(program.start)
            return try run(vcpus)
        } catch { throw .host(error) }
    }

    private func makeProcessors(_ start: MachineProgram.Start) throws(HostError) -> [VCPUFile] {
        let count = configuration.layout.processors
        var vcpus: [VCPUFile] = []
        for id in 0..<count {
            let vcpu = try system.makeVCPU(id, of: count, in: parts.machine)
            switch start {
            case .first(let entry) where id == 0: try vcpu.enterLongMode(LongModeStart(entry))
            case .first: break
            case .all(let entry):
                try vcpu.enterLongMode(LongModeStart(entry(id)))
                try vcpu.setRunnable(true)
            }
            vcpus.append(vcpu)
        }
        return vcpus
    }

    private func run(_ vcpus: [VCPUFile]) throws(HostError) -> MachineEnd {
        var threads = ProcessorThreads()
        for vcpu in vcpus {
            do throws(HostError) {
                try threads.start(vcpu, on: bus, parts.lines, life)
            } catch {
                life.end(.failed(error))
                break
            }
        }
        let end = life.wait()
        for device in pci.devices.values { device.machineEnds() }
        threads.joinAll()
        return end
    }

    /// Ends the machine, if it runs; `run` then returns.
    public func stop() { life.end(.stopped) }

    /// Types `bytes` at the other end of the serial port. What a guest has not read of 64 KiB is
    /// typed no further.
    public func type(_ bytes: [UInt8]) { console.type(bytes) }
}
