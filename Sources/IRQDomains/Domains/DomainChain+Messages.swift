public import PlatformTypes

/// Messages of the parent's function, on their way through the domains.
extension DomainChain {
    /// What became of a message of the parent's function.
    public enum Arrival: Hashable, Sendable {
        /// It ends there.
        case delivered(HostDestination)
        /// Its interrupt is not active.
        case dropped
        /// The remapping table has no such entry, or it is another function's.
        case blocked(RemappingDomain.Fault)
        /// It says nothing that the root understands.
        case malformed
    }

    /// The message with which the parent's function signals `interrupt`, or nil while it has none:
    /// without a remapping table that depends on where the interrupt goes.
    public func message(of interrupt: HostInterrupt) -> MSIMessage? {
        if let entry = interrupt.remapping {
            if let block, isInBlock(interrupt.source), let number = interrupt.source?.number {
                return RemappableMessage(handle: UInt16(block), subhandle: UInt16(number)).message
            }
            return RemappableMessage(handle: UInt16(entry)).message
        }
        switch interrupt.destination {
        case .vector(let target):
            return APICMessage(destination: UInt32(target.processor), vector: target.vector)?
                .message(.x2apic)
        case .number(let number): return MSIMessage(address: 0, data: UInt32(number))
        case nil: return nil
        }
    }

    /// What becomes of `message` of the function `requester`: every domain sees it, and one that
    /// leads nowhere is counted.
    public mutating func deliver(_ message: MSIMessage, from requester: RequesterID) -> Arrival {
        if let remapped = remapping?.remap(message, from: requester) {
            switch remapped {
            case .delivered(let destination): return .delivered(destination)
            case .dropped: return .dropped
            case .blocked(let fault): return .blocked(fault)
            }
        }
        guard vectors != nil else { return .delivered(.number(Int(message.data))) }
        guard let decoded = APICMessage(message, .x2apic), decoded.delivery == .fixed,
            !decoded.isLogical
        else {
            malformed &+= 1
            return .malformed
        }
        if vectors?.isDropped(at: decoded.vector) == true { return .dropped }
        return .delivered(
            .vector(VectorTarget(processor: Int(decoded.destination), vector: decoded.vector)))
    }

    /// Messages that ended in a domain, and reached nobody.
    public var lostMessages: UInt64 {
        malformed &+ (remapping?.dropped ?? 0) &+ (remapping?.blocked ?? 0)
            &+ (vectors?.dropped ?? 0)
    }
}
