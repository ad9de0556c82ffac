public import IRQDomains
public import KVM
public import LinuxKernel
public import PlatformTypes
import Synchronization

/// All routes of one machine, and who may hold how many.
///
/// The kernel takes routes only as a whole table, at a cost that grows with it; so changes collect
/// in a buffer, and one commit hands it over. May be used from any thread. The lock of the buffer
/// is held while the kernel takes it: commits are rare, and the kernel takes them one at a time.
public final class RouteTable: Sendable {
    /// The chip whose pins have the first routes.
    public enum Chip: Hashable, Sendable {
        /// I/O APIC and PIC in the kernel.
        case kernel
        /// The I/O APIC in the program.
        case split
    }

    /// What the table holds now, and what was done to it.
    public struct Figures: Hashable, Sendable {
        /// How many routes the table has now, those of pins among them.
        public let routes: Int
        /// How many the kernel takes.
        public let limit: Int
        /// Numbers whose events the kernel is yet to let go of.
        public let retiring: Int
        /// Tables handed to the kernel so far.
        public let commits: UInt64
        /// Tables that the kernel refused.
        public let refusedCommits: UInt64
    }

    /// The pins of the I/O APIC, whose routes have their numbers.
    public static let pins = 24

    /// Who may hold how many routes, and who does.
    public let pool: VectorPool
    /// How many routes the kernel takes.
    public let limit: Int
    /// Whether devices may expect more routes together than there are.
    public let overcommits: Bool
    /// The machine.
    public let machine: VMFile
    /// The chip whose pins have the first routes.
    public let chip: Chip
    private let table: Mutex<RouteSet>
    private let routeCount = Atomic(0)

    /// The routes of `machine`, which has its chip.
    ///
    /// - Parameters:
    ///   - limit: the most routes to use; nil for what the kernel takes.
    ///   - overcommits: whether devices may expect more routes together than there are.
    /// - Throws: `KVM-ROUTES`, or `KVM-CAPABILITY` if the kernel has too few routes for the pins.
    public init(
        of machine: VMFile, chip: Chip, limit: Int? = nil, overcommits: Bool = false
    ) throws(HostError) {
        let kernelLimit = machine.value(of: .routes)
        let limit = min(limit ?? kernelLimit, kernelLimit)
        guard limit >= Self.pins else {
            throw HostError(
                .kvmCapability, "use", KVMCapability.routes.description, errno: 95,
                advice: "\(limit) routes are fewer than the \(Self.pins) pins of the chip.")
        }
        self.machine = machine
        self.chip = chip
        self.limit = limit
        self.overcommits = overcommits
        // Two chips in the kernel share the first sixteen numbers, a route to each.
        let end = max(limit - (chip == .kernel ? Self.legacyPins : 0), Self.pins)
        pool = VectorPool(name: "routes", capacity: end - Self.pins, overcommits: overcommits)
        table = Mutex(
            try RouteSet(
                capacity: max(limit, Self.pins + Self.legacyPins), numbers: Self.pins..<end))
        if chip == .kernel { routePinsToKernel() }
        try commit { _ in true }
    }

    private static let legacyPins = 16

    private func routePinsToKernel() {
        table.withLock { table in
            for pin in 0..<Self.pins { table.append(pin, toPin: pin, of: .ioAPIC) }
            for pin in 0..<Self.legacyPins {
                table.append(pin, toPin: pin % 8, of: pin < 8 ? .firstPIC : .secondPIC)
            }
        }
    }

    /// About how many routes there are now; to know it, nobody waits for a commit under way.
    var count: Int { routeCount.load(ordering: .relaxed) }

    // MARK: Numbers

    /// Takes a number for a route; nil if all are in use.
    func takeNumber() -> Int? { table.withLock { $0.vacant.popLast() } }

    /// Gives numbers back that have no route any more.
    func giveBack(_ gsi: Int) { table.withLock { $0.vacant.append(gsi) } }

    /// Numbers on their way out, until the kernel has let go of their events.
    func note(retiring change: Int) { table.withLock { $0.retiring += change } }

    // MARK: Changes

    /// Changes routes, and hands the table to the kernel once if `change` says that it must be.
    ///
    /// After a refusal the kernel has the old table; the next commit has these changes, too.
    ///
    /// - Throws: `KVM-ROUTES`.
    func commit(_ change: (inout RouteSet) -> Bool) throws(HostError) {
        let outcome: Result<Void, HostError> = table.withLock { table in
            guard change(&table) else { return .success(()) }
            routeCount.store(table.count, ordering: .relaxed)
            do throws(HostError) {
                try table.commit(to: machine)
                return .success(())
            } catch { return .failure(error) }
        }
        try outcome.get()
    }

    /// Sets the routes of the pins of a chip in the program: what each pin's entry sends, or nil.
    /// The kernel learns from them which interrupts end at a pin. A message that the kernel refuses
    /// with the whole table, which no destination has (address bits 39:32), is none.
    ///
    /// - Throws: `KVM-ROUTES`.
    public func setPins(_ messages: [MSIMessage?]) throws(HostError) {
        precondition(chip == .split && messages.count == Self.pins, "a split chip has its pins")
        try commit { table in
            for (pin, message) in messages.enumerated() {
                if let message, message.address >> 32 & 0xff == 0 {
                    table.set(pin, message)
                } else {
                    table.remove(pin)
                }
            }
            return true
        }
    }

    /// What the table holds now, and what was done to it.
    public var figures: Figures {
        table.withLock { table in
            Figures(
                routes: table.count, limit: limit, retiring: table.retiring,
                commits: table.commits, refusedCommits: table.refusedCommits)
        }
    }
}
