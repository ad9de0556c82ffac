import Foundation
public import Testing

/// What this process has open in the kernel, by kind.
///
/// Dispatch's timer is not among it: it comes whenever the pool of threads is busy.
public struct OpenObjects: Equatable, Sendable, CustomStringConvertible {
    /// How many of each kind: "anon_inode:[eventfd]", "socket", a path.
    public private(set) var counts: [String: Int] = [:]

    /// Looks now. Other threads may open and close meanwhile.
    public init() throws {
        // Unlike that of the process, the thread's folder stays when the main thread has ended.
        let folder = "/proc/thread-self/fd/"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            // The folder's own descriptor is gone by now.
            guard
                let kind = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: folder + name),
                !(kind.contains("timerfd") && Self.isAbsolute(name))
            else { continue }
            let isNumbered = kind.hasPrefix("socket:") || kind.hasPrefix("pipe:")
            counts[isNumbered ? String(kind.prefix { $0 != ":" }) : kind, default: 0] += 1
        }
    }

    /// Whether a timer expires at a time, as Dispatch's does, and not after one, as ours do.
    private static func isAbsolute(_ descriptor: String) -> Bool {
        let path = "/proc/thread-self/fdinfo/\(descriptor)"
        let facts = try? String(contentsOfFile: path, encoding: .utf8)
        return facts?.contains("settime flags: 01") == true
    }

    /// All of them.
    public var total: Int { counts.values.reduce(0, +) }

    /// In words, for failures.
    public var description: String {
        counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    /// What there is more of than in `other`, but for the two eventfds that Foundation makes for
    /// its main thread and lets go of when it likes.
    public func excess(over other: OpenObjects) -> [String] {
        counts.filter { kind, count in
            count > (other.counts[kind] ?? 0) + (kind.contains("eventfd") ? 2 : 0)
        }.map { "\($0.value) \($0.key)" }
    }
}

/// Waits until the process has no more open than `before`; the kernel and loops let go of some
/// things later than who asked them to.
public func expectNothingLeft(
    since before: OpenObjects, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let deadline = Date(timeIntervalSinceNow: Patience.seconds)
    var left: [String] = []
    repeat {
        left = try OpenObjects().excess(over: before)
        // Those who have yet to let go need the processors.
        sched_yield()
    } while !left.isEmpty && Date() < deadline
    if !left.isEmpty { Issue.record("left: \(left)", sourceLocation: sourceLocation) }
}
