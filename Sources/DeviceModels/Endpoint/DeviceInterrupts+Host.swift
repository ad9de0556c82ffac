package import IRQDomains
import MessageSignaledInterrupts
package import PlatformTypes

/// Events on their way through a function of the parent, and what leases hold there. Places are
/// those of `DeviceLeases`.
extension DeviceInterrupts {
    /// The parent's function has told the handler of `place`: its events arrive.
    package mutating func takeArrivals(_ place: Int) {
        arrive(leases.takeArrivals(place), place)
    }

    /// Has events of `place` that have left arrive now, so that what comes next comes after them.
    mutating func settleInFlight(_ place: Int) {
        if leases.isInFlight(place) { takeArrivals(place) }
    }

    /// Ends that the lease at `place` is active; events that had left arrive.
    mutating func deactivate(_ place: Int) {
        arrive(leases.deactivate(place), place)
    }

    /// Moves the interrupt behind `vector` to a processor of `affinity`. Returns where it goes, or
    /// nil if nobody receives it or its parent knows no processors.
    package mutating func move(
        _ vector: VectorIndex, to affinity: CPUSet
    ) throws(VectorRefusal) -> VectorTarget? {
        guard let place = leases.place(of: vector) else { return nil }
        return try leases.move(place, to: affinity)
    }

    /// Moves the interrupt behind `slot`, likewise.
    package mutating func move(
        slot: VectorIndex, to affinity: CPUSet
    ) throws(VectorRefusal) -> VectorTarget? {
        guard let place = leases.place(ofSlot: slot) else { return nil }
        return try leases.move(place, to: affinity)
    }

    private mutating func arrive(_ events: UInt64, _ place: Int) {
        guard events > 0 else { return }
        let isVector = place < leases.vectorCount
        guard let index = VectorIndex(isVector ? place : place - leases.vectorCount) else { return }
        for _ in 0..<events {
            if isVector { deliver(index) } else { deliverSlot(index) }
        }
    }

    /// What the lease of `vector` holds in the parent's domains, or nil without one.
    package func hostInterrupt(_ vector: VectorIndex) -> HostInterrupt? {
        leases.place(of: vector).flatMap { leases.hostInterrupt($0) }
    }

    /// What the lease of `slot` holds in the parent's domains, or nil without one.
    package func hostInterrupt(ofSlot slot: VectorIndex) -> HostInterrupt? {
        leases.place(ofSlot: slot).flatMap { leases.hostInterrupt($0) }
    }

    /// What happened at the parent's function to events of `vector`; nil where that is a program.
    package func sourceCounts(_ vector: VectorIndex) -> SourceCounts? {
        leases.place(of: vector).flatMap { leases.sourceCounts($0) }
    }

    /// What happened at the parent's function to events of `slot`; nil where that is a program.
    package func sourceCounts(ofSlot slot: VectorIndex) -> SourceCounts? {
        leases.place(ofSlot: slot).flatMap { leases.sourceCounts($0) }
    }
}
