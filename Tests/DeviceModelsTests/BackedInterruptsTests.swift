import DeviceModels
import IRQDomains
import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// Events on their way through a function of the parent, in every order with what a guest, a client
/// and the device can do meanwhile.
struct BackedInterruptsTests {
    private enum Step: String, CaseIterable {
        case fire, acknowledge, mask, unmask, unbind, bind, release, reserve, reset
        /// The handler runs at last.
        case arrive

        func act(on interrupts: inout DeviceInterrupts) {
            switch self {
            case .fire: interrupts.assert(0)
            case .acknowledge: interrupts.deassert(0)
            case .mask: interrupts.withMSIX { $0.setClientMask(0, true, into: &$1) }
            case .unmask: interrupts.withMSIX { $0.setClientMask(0, false, into: &$1) }
            case .unbind: _ = interrupts.setBound(.msix, 0, false)
            case .bind: _ = interrupts.setBound(.msix, 0, true)
            case .release: interrupts.release(0)
            case .reserve: _ = interrupts.reserve(0)
            case .reset:
                interrupts.reset(keepingCauses: false)
                Self.enable(&interrupts)
            case .arrive: interrupts.takeArrivals(0)
            }
        }

        static func enable(_ interrupts: inout DeviceInterrupts) {
            interrupts.setBusMaster(true)
            interrupts.withMSIX { $0.setControl(enable: true, functionMask: false, into: &$1) }
        }
    }

    private static func device(_ backing: Backing) throws -> DeviceInterrupts {
        let pool = VectorPool(
            name: "parent",
            domains: DomainChain(
                device: DeviceDomain([(backing, 1)], requester: RequesterID(8)),
                root: .counted(CountedDomain(.event, capacity: 1))))
        let msix = try #require(MSIXFunction(tableSize: 1, maskAuthority: .client))
        var host = DeviceHost(pool: pool, holder: "device")
        if backing != .software { host.handlers = [HostHandler {}] }
        var interrupts = try DeviceInterrupts(
            FunctionInterrupts(msix: msix), store: nil, on: host, admission: .onRequest)
        Step.enable(&interrupts)
        Step.reserve.act(on: &interrupts)
        Step.bind.act(on: &interrupts)
        return interrupts
    }

    /// What must hold after `steps`, once everything has arrived and nothing holds anything back.
    private static func law(
        _ backing: Backing, _ steps: some Sequence<Step>
    ) throws -> String? {
        var interrupts = try device(backing)
        var fired: UInt64 = 0
        /// Whether nothing has ended the last event: it must come out in the end.
        var isOwed = false
        var sentBefore: UInt64 = 0
        for step in steps {
            let wasReserved = interrupts.isReserved(0)
            let sent = interrupts.msix.counts(0).sent
            step.act(on: &interrupts)
            switch step {
            case .fire:
                fired += 1
                isOwed = true
                sentBefore = sent
            case .acknowledge, .reset: isOwed = false
            case .release: isOwed = isOwed && !wasReserved
            default: break
            }
            let counts = interrupts.msix.counts(0)
            if interrupts.outbox.sends.count != Int(counts.sent) {
                return "\(interrupts.outbox.sends.count) messages went out, not \(counts.sent)"
            }
            if let source = interrupts.sourceCounts(0), !source.balances {
                return "the parent's function: \(source)"
            }
        }
        for step in [Step.reserve, .bind, .unmask, .arrive] { step.act(on: &interrupts) }
        let counts = interrupts.msix.counts(0)
        if !counts.balances(pending: interrupts.msix.isPending(0)) { return "\(counts)" }
        if interrupts.msix.isPending(0) { return "an event waits and nothing holds it back" }
        // The line states a level: what is raised twice before it is served is one.
        if backing != .intx, counts.raised != fired { return "\(counts.raised) of \(fired)" }
        if isOwed, counts.sent == sentBefore { return "the last is lost" }
        if interrupts.msix.causeHolds(0) != isOwed { return "the cause is not as it was stated" }
        return nil
    }

    @Test(.rules("BACK-2", "BACK-3", "BACK-4"), arguments: Backing.allCases)
    func nothingIsLostOnItsWay(backing: Backing) throws {
        var failures: [String] = []
        func explore(_ path: [Step], _ depth: Int) throws {
            for step in Step.allCases where failures.isEmpty {
                let next = path + [step]
                if let law = try Self.law(backing, next) {
                    failures.append("\(next.map(\.rawValue)): \(law)")
                }
                if depth > 1 { try explore(next, depth - 1) }
            }
        }
        try explore([], 4)
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<2000 where failures.isEmpty {
            let path = (0..<20).map { _ in
                Step.allCases[Int.random(in: 0..<Step.allCases.count, using: &generator)]
            }
            if let law = try Self.law(backing, path) {
                failures.append("\(path.map(\.rawValue)): \(law)")
            }
        }
        #expect(failures == [])
    }
}
