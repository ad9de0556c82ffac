/// The interrupt pin of one function as a value (PCI Local Bus 3.0 §2.2.6, PCIe 6.0 §6.1.3).
///
/// The device states a level. Whoever receives the line hears of it once, and then again only after
/// it has unmasked the line and while the cause still holds: the cycle that VFIO calls automasked.
public struct INTxFunction: Hashable, Sendable {
    /// What holds the line back.
    public struct Obstacles: OptionSet, Hashable, Sendable, CustomStringConvertible {
        /// The bits.
        public let rawValue: UInt8
        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Interrupt Disable is set in Command (PCIe 6.0 §7.5.1.1.3).
        public static let interruptDisable = Obstacles(rawValue: 1 << 0)
        /// Message-signalled interrupts are enabled; the pin is then silent (PCIe 6.0 §6.1.4).
        public static let messageSignaled = Obstacles(rawValue: 1 << 1)
        /// The receiver was told and has not unmasked yet, or masked the line itself.
        public static let masked = Obstacles(rawValue: 1 << 2)
        /// Nobody receives the line.
        public static let unbound = Obstacles(rawValue: 1 << 3)
        /// The function is not in D0.
        public static let powerState = Obstacles(rawValue: 1 << 4)

        /// Every obstacle with its name in reports.
        public static let names: [(Obstacles, String)] = [
            (.interruptDisable, "interrupt-disable"), (.messageSignaled, "message-signaled"),
            (.masked, "masked"), (.unbound, "unbound"), (.powerState, "power-state"),
        ]

        /// In words, for logs and reports.
        public var description: String {
            Self.names.filter { contains($0.0) }.map(\.1).joined(separator: "+")
        }
    }

    /// What happened to the causes so far.
    public struct Counts: Hashable, Sendable {
        /// Times the cause began, or was stated again while it held.
        public internal(set) var raised: UInt64 = 0
        /// Causes of which the receiver was told.
        public internal(set) var sent: UInt64 = 0
        /// Statements of a cause that already held.
        public internal(set) var coalesced: UInt64 = 0
        /// Causes that ended before the receiver could be told.
        public internal(set) var withdrawn: UInt64 = 0
        /// Further tellings of one cause, after an unmask or to another receiver.
        public internal(set) var repeated: UInt64 = 0
        /// Causes that a reset ended before the receiver could be told.
        public internal(set) var reset: UInt64 = 0
    }

    /// What happened so far.
    public private(set) var counts = Counts()
    /// What holds the line back now.
    public private(set) var obstacles: Obstacles = .unbound
    /// Interrupt Status of the Status register: the cause, whatever holds the line back
    /// (PCIe 6.0 §7.5.1.1.4).
    public private(set) var causeHolds = false
    private var told = false

    /// A pin after power-on: no cause, nobody listening.
    public init() {}

    /// States that the cause holds. Returns whether the receiver must be told now.
    public mutating func assert() -> Bool {
        counts.raised &+= 1
        if causeHolds {
            counts.coalesced &+= 1
            return false
        }
        causeHolds = true
        told = false
        return settle()
    }

    /// States that the cause no longer holds.
    public mutating func deassert() {
        end(reason: \.withdrawn)
    }

    /// Sets or removes an obstacle. Returns whether the receiver must be told now.
    public mutating func set(_ obstacle: Obstacles, _ present: Bool) -> Bool {
        if present {
            // A mask ends with its receiver: the next one was told nothing that it could answer.
            if obstacle.contains(.unbound), !obstacles.contains(.unbound) {
                obstacles.remove(.masked)
            }
            obstacles.insert(obstacle)
        } else {
            obstacles.remove(obstacle)
        }
        return settle()
    }

    /// Reset of the function: the cause ends, and Command takes its reset value.
    public mutating func reset() {
        end(reason: \.reset)
        obstacles.remove([.interruptDisable, .messageSignaled, .powerState, .masked])
    }

    /// Whether the line is asserted, for a receiver that sees its level: the cause holds, and
    /// nothing of the function's own holds it back.
    public var isAsserted: Bool {
        causeHolds
            && obstacles.isDisjoint(with: [.interruptDisable, .messageSignaled, .powerState])
    }

    /// Whether a cause holds of which nobody has been told.
    public var isPending: Bool { causeHolds && !told }

    /// The law of conservation: raised = sent + coalesced + pending + discarded.
    public var booksBalance: Bool {
        counts.raised == counts.sent &+ counts.coalesced &+ counts.withdrawn &+ counts.reset
            &+ (isPending ? 1 : 0)
    }

    private mutating func end(reason: WritableKeyPath<Counts, UInt64>) {
        if isPending { counts[keyPath: reason] &+= 1 }
        causeHolds = false
        told = false
    }

    /// The one place where a cause becomes a signal.
    private mutating func settle() -> Bool {
        guard causeHolds, obstacles.isEmpty else { return false }
        if told { counts.repeated &+= 1 } else { counts.sent &+= 1 }
        told = true
        obstacles.insert(.masked)
        return true
    }
}
