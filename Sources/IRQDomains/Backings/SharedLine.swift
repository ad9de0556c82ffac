import MessageSignaledInterrupts

/// The pin of a parent's function as its host takes it: level-triggered, with a status register
/// that says which causes hold.
///
/// The host is told once and masks the line (the cycle of `INTxFunction`); whoever serves a cause
/// unmasks it, and while another cause holds the host is told again.
package struct SharedLine: Hashable, Sendable {
    private struct Cause: Hashable {
        var holds = false
        var isServed = false
        var counts = SourceCounts()
    }

    private var pin = INTxFunction()
    private var causes: [Cause]
    /// Causes that hold and that somebody serves.
    private var waiting: BitTree

    package init(causes count: Int) {
        causes = Array(repeating: Cause(), count: count)
        waiting = BitTree(count: count)
        _ = pin.set(.unbound, false)
    }

    /// A cause begins. Returns the cause that the host is told of now, if it is.
    package mutating func raise(_ number: Int) -> Int? {
        causes[number].counts.raised &+= 1
        guard !causes[number].holds else {
            causes[number].counts.coalesced &+= 1
            return nil
        }
        set(number) { $0.holds = true }
        return settle()
    }

    /// States whether somebody serves cause `number`. Returns whom the host is told of now.
    package mutating func setServed(_ number: Int, _ served: Bool) -> Int? {
        set(number) { $0.isServed = served }
        return served ? settle() : unmask()
    }

    /// Serves cause `number`: reads whether it holds, ends it and unmasks the line.
    package mutating func serve(_ number: Int) -> (held: Bool, next: Int?) {
        let held = causes[number].holds
        if held { causes[number].counts.sent &+= 1 }
        set(number) { $0.holds = false }
        return (held, unmask())
    }

    /// Ends cause `number` unserved, with its user.
    package mutating func release(_ number: Int) -> Int? {
        if causes[number].holds { causes[number].counts.released &+= 1 }
        set(number) {
            $0.holds = false
            $0.isServed = false
        }
        return unmask()
    }

    package func counts(_ number: Int) -> SourceCounts {
        var counts = causes[number].counts
        counts.isPending = causes[number].holds
        return counts
    }

    private mutating func set(_ number: Int, _ change: (inout Cause) -> Void) {
        change(&causes[number])
        waiting.set(number, causes[number].holds && causes[number].isServed)
    }

    private mutating func unmask() -> Int? {
        if waiting.first == nil { pin.deassert() }
        return pin.set(.masked, false) ? waiting.first : nil
    }

    private mutating func settle() -> Int? {
        guard waiting.first != nil, !pin.causeHolds else { return nil }
        return pin.assert() ? waiting.first : nil
    }
}
