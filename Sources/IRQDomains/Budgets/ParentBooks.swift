import PlatformTypes

/// Everything that a parent keeps books of, under one lock: budgets, domains, and its function with
/// those who hear of its interrupts.
struct ParentBooks {
    var ledger: VectorLedger
    var chain: DomainChain
    /// The parent's function; nil where the parent is a program.
    private var function: ParentFunction?
    private var handlers: [HostDestination: HostHandler] = [:]
    private var lineHandlers: [Int: HostHandler] = [:]
    /// Messages for which nobody was there.
    private(set) var unheard: UInt64 = 0

    init(ledger: VectorLedger, chain: DomainChain) {
        self.ledger = ledger
        self.chain = chain
        function = chain.device.map { ParentFunction($0) }
    }

    /// Makes `interrupt` active and has `handler` hear of it. Returns who is to be told at once.
    mutating func activate(
        _ interrupt: inout HostInterrupt, _ handler: HostHandler?, _ affinity: CPUSet?
    ) throws(DomainRefusal) -> HostHandler? {
        try chain.activate(&interrupt, affinity: affinity)
        guard let source = interrupt.source, let handler,
            let message = chain.message(of: interrupt)
        else { return nil }
        if source.backing == .intx {
            lineHandlers[source.number] = handler
        } else if let destination = interrupt.destination {
            handlers[destination] = handler
        }
        return whoHears(function?.start(source, message))
    }

    /// Ends that anybody hears of `interrupt`. Returns how many of its events had arrived and were
    /// not taken, and who is to be told at once.
    mutating func deactivate(
        _ interrupt: inout HostInterrupt
    ) -> (late: UInt64, next: HostHandler?) {
        var late: UInt64 = 0
        var told: ParentFunction.Told?
        if let source = interrupt.source {
            if source.backing == .intx {
                late = function?.serveLine(source.number).held == true ? 1 : 0
                lineHandlers[source.number] = nil
            } else if let destination = interrupt.destination {
                late = handlers.removeValue(forKey: destination)?.take() ?? 0
            }
            told = function?.stop(source)
        }
        chain.deactivate(&interrupt)
        return (late, whoHears(told))
    }

    /// Moves an active interrupt to a processor of `affinity`; messages go to its handler before
    /// and after. Returns where it goes, or nil where the root knows no processors.
    mutating func move(
        _ interrupt: inout HostInterrupt, to affinity: CPUSet
    ) throws(DomainRefusal) -> VectorTarget? {
        let old = interrupt.destination
        let target = try chain.move(&interrupt, to: affinity)
        guard let old, let new = interrupt.destination, new != old,
            let handler = handlers.removeValue(forKey: old)
        else { return target }
        handlers[new] = handler
        if let source = interrupt.source, let message = chain.message(of: interrupt) {
            let told = function?.start(source, message)
            precondition(told == nil, "an interrupt that moves was not masked")
        }
        return target
    }

    /// Takes what has arrived of an interrupt whose handler is `handler`.
    mutating func takeArrivals(
        _ source: ParentSource, _ handler: HostHandler
    ) -> (events: UInt64, next: HostHandler?) {
        guard source.backing == .intx else { return (handler.take(), nil) }
        guard let served = function?.serveLine(source.number) else { return (0, nil) }
        return (served.held ? 1 : 0, whoHears(served.next))
    }

    /// Gives back everything of `interrupt`. Returns who is to be told at once.
    mutating func free(_ interrupt: HostInterrupt) -> HostHandler? {
        var interrupt = interrupt
        if interrupt.isActive { _ = deactivate(&interrupt) }
        let told = interrupt.source.flatMap { function?.release($0) }
        ledger.release(from: interrupt.holder)
        chain.free(interrupt)
        return whoHears(told)
    }

    /// The parent's function states an event of `source`. Returns who is to be told.
    mutating func raise(_ source: ParentSource) -> HostHandler? {
        whoHears(function?.raise(source))
    }

    func counts(_ source: ParentSource) -> SourceCounts? { function?.counts(source) }

    /// Takes what the function tells through the domains.
    private mutating func whoHears(_ told: ParentFunction.Told?) -> HostHandler? {
        switch told {
        case nil: return nil
        case .line(let cause): return lineHandlers[cause]
        case .message(let message):
            guard let requester = chain.device?.requester,
                case .delivered(let destination) = chain.deliver(message, from: requester)
            else { return nil }
            guard let handler = handlers[destination] else {
                unheard &+= 1
                return nil
            }
            handler.count()
            return handler
        }
    }
}
