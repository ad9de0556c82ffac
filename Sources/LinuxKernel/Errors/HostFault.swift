import Glibc
import Synchronization

/// A host call that is to fail, or to be late, when it is made the next time or a later one.
public struct HostFault: Hashable, Sendable, CustomStringConvertible {
    /// What happens instead of the call, or before it.
    public enum Action: Hashable, Sendable {
        /// The call is not made, and answers this errno.
        case fail(errno: CInt)
        /// The call is made so much later.
        case delay(milliseconds: Int)
        /// The process is killed before the call.
        case kill
    }

    /// The step that the call belongs to.
    public let code: HostError.Code
    /// What happens.
    public let action: Action
    /// The first call that it happens to, counted from 1.
    public let first: Int
    /// How many calls it happens to.
    public let count: Int

    /// - Precondition: `first` and `count` are positive.
    public init(_ code: HostError.Code, _ action: Action, first: Int = 1, count: Int = 1) {
        precondition(first > 0 && count > 0, "calls are counted from 1")
        self.code = code
        self.action = action
        self.first = first
        self.count = count
    }

    /// Reads "HOST-MAP=ENOMEM", "HOST-MAP=ENOMEM@3" for the third call, "HOST-ACCEPT=50ms@1x10" for
    /// ten calls that are 50 milliseconds late; nil if `text` is none of these.
    public init?(_ text: String) {
        let sides = text.split(separator: "=", maxSplits: 1)
        guard sides.count == 2,
            let code = HostError.Code.allCases.first(where: { $0.rawValue == sides[0] })
        else { return nil }
        let schedule = sides[1].split(separator: "@", maxSplits: 1)
        guard let action = schedule.first.flatMap({ Action($0) }) else { return nil }
        var first = 1
        var count = 1
        if schedule.count == 2 {
            let numbers = schedule[1].split(separator: "x", omittingEmptySubsequences: false)
            guard numbers.count <= 2, let start = Int(numbers[0]), start > 0 else { return nil }
            first = start
            if numbers.count == 2 {
                guard let times = Int(numbers[1]), times > 0 else { return nil }
                count = times
            }
        }
        self.init(code, action, first: first, count: count)
    }

    /// As it is read.
    public var description: String { "\(code)=\(action.text)@\(first)x\(count)" }
}

extension HostFault.Action {
    fileprivate init?(_ text: Substring) {
        if text == "KILL" {
            self = .kill
        } else if text.hasSuffix("ms") {
            guard let milliseconds = Int(text.dropLast(2)), (1...60_000).contains(milliseconds)
            else { return nil }
            self = .delay(milliseconds: milliseconds)
        } else {
            let number = (1...CInt(133)).first { HostError.name(of: $0) == text }
            guard let number else { return nil }
            self = .fail(errno: number)
        }
    }

    fileprivate var text: String {
        switch self {
        case .fail(let errno): HostError.name(of: errno)
        case .delay(let milliseconds): "\(milliseconds)ms"
        case .kill: "KILL"
        }
    }
}

/// Faults of the whole process, for drills and tests. Without any, a call costs one look more.
public enum HostFaults {
    private struct Plan {
        var faults: [HostFault] = []
        var calls: [HostError.Code: Int] = [:]
        var taken = 0
    }

    private static let isArmed = Atomic(false)
    private static let plan = Mutex(Plan())

    /// Has `faults` happen from now on, in place of those that were armed before; calls are counted
    /// anew. None ends it. May be called from any thread.
    public static func arm(_ faults: [HostFault]) {
        plan.withLock { $0 = Plan(faults: faults) }
        isArmed.store(!faults.isEmpty, ordering: .releasing)
    }

    /// How often a fault happened since the last `arm`.
    public static var taken: Int { plan.withLock { $0.taken } }

    /// Called before each host call that can fail: throws or waits if a fault is due.
    package static func meet(
        _ code: HostError.Code, _ operation: String, _ subject: @autoclosure () -> String
    ) throws(HostError) {
        guard isArmed.load(ordering: .relaxed) else { return }
        let due = plan.withLock { plan -> HostFault? in
            let number = plan.calls[code, default: 0] + 1
            plan.calls[code] = number
            let due = plan.faults.first {
                $0.code == code && ($0.first..<$0.first + $0.count).contains(number)
            }
            if due != nil { plan.taken += 1 }
            return due
        }
        switch due?.action {
        case .fail(let errno): throw HostError(code, operation, subject(), errno: errno)
        case .delay(let milliseconds): usleep(UInt32(milliseconds) * 1000)
        case .kill: raise(SIGKILL)
        case nil: break
        }
    }
}
