/// The life of an instance as a table: every step in every state leads somewhere or is refused by
/// name. Rules are numbered in `docs/specifications/slices.md`.
public struct LifeCycle: Hashable, Sendable {
    /// Why a step cannot be taken. The raw values are codes for logs and scripts.
    public enum Refusal: String, Error, Hashable, Sendable, CaseIterable {
        /// It has been created already.
        case active = "SLICE-ACTIVE"
        /// It is not active.
        case inactive = "SLICE-INACTIVE"
        /// A client uses it, and counts upon what it was shown.
        case frozen = "SLICE-FROZEN"
        /// A client uses it.
        case busy = "SLICE-BUSY"
        /// It goes as soon as its client has gone.
        case draining = "SLICE-DRAINING"
        /// It is gone, or was never there.
        case gone = "SLICE-GONE"
    }

    /// What a step does.
    enum Outcome: Hashable {
        case to(InstanceState)
        /// Its active life ends: a definition that is kept remains.
        case over
        case refused(Refusal)
    }

    /// Where it is.
    public private(set) var state: InstanceState
    /// Whether its definition is kept beyond its active life.
    public private(set) var isDefined: Bool

    /// An instance that is defined and not active.
    public static let defined = LifeCycle(state: .defined, isDefined: true)
    /// An instance that is about to be created and that no definition stands behind.
    public static let transient = LifeCycle(state: .defined, isDefined: false)

    private init(state: InstanceState, isDefined: Bool) {
        self.state = state
        self.isDefined = isDefined
    }

    /// Takes `step`, or throws why not and stays as it is.
    public mutating func take(_ step: InstanceStep) throws(Refusal) {
        switch Self.outcome(of: step, in: state) {
        case .refused(let refusal): throw refusal
        case .over: state = isDefined ? .defined : .removed
        case .to(let next): state = next
        }
        switch step {
        case .define: isDefined = true
        case .undefine: isDefined = false
        default: break
        }
    }

    /// The table.
    static func outcome(of step: InstanceStep, in state: InstanceState) -> Outcome {
        switch state {
        case .defined: ofDefined(step)
        case .created: ofCreated(step)
        case .serving: ofServing(step)
        case .connected: ofConnected(step)
        case .draining: ofDraining(step)
        case .removed: .refused(.gone)
        }
    }

    private static func ofDefined(_ step: InstanceStep) -> Outcome {
        switch step {
        case .define, .modify: .to(.defined)
        case .undefine: .to(.removed)
        case .create: .to(.created)
        case .serve, .connect, .disconnect, .stop, .drain, .force: .refused(.inactive)
        }
    }

    private static func ofCreated(_ step: InstanceStep) -> Outcome {
        switch step {
        case .define, .undefine, .modify: .to(.created)
        case .serve: .to(.serving)
        case .create: .refused(.active)
        case .connect, .disconnect: .refused(.inactive)
        case .stop, .drain, .force: .over
        }
    }

    private static func ofServing(_ step: InstanceStep) -> Outcome {
        switch step {
        case .define, .undefine, .modify: .to(.serving)
        case .connect: .to(.connected)
        case .create, .serve: .refused(.active)
        case .disconnect: .refused(.inactive)
        case .stop, .drain, .force: .over
        }
    }

    private static func ofConnected(_ step: InstanceStep) -> Outcome {
        switch step {
        case .define, .undefine: .to(.connected)
        case .disconnect: .to(.serving)
        case .drain: .to(.draining)
        case .force: .over
        case .modify: .refused(.frozen)
        case .create, .serve: .refused(.active)
        case .connect, .stop: .refused(.busy)
        }
    }

    private static func ofDraining(_ step: InstanceStep) -> Outcome {
        switch step {
        case .define, .undefine, .drain: .to(.draining)
        case .disconnect, .force: .over
        case .modify: .refused(.frozen)
        case .create, .serve: .refused(.active)
        case .stop: .refused(.busy)
        case .connect: .refused(.draining)
        }
    }
}

extension LifeCycle.Refusal: CustomStringConvertible {
    /// A stable identifier for logs and scripts.
    public var code: String { rawValue }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .active: "it is active already"
        case .inactive: "it is not active"
        case .frozen: "a client uses it, whose guest counts on what it was shown"
        case .busy: "a client uses it"
        case .draining: "it goes as soon as its client has gone"
        case .gone: "there is no such slice"
        }
    }

    /// In words, with the code.
    public var description: String { "\(sentence) [\(code)]" }
}
