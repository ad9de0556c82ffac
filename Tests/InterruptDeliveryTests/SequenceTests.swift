import IRQDomains
import InterruptDelivery
import InterruptTestSupport
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// Random sequences against a model of what a guest is owed: nothing else arrives, and each event
/// is delivered, pending, or dropped and counted.
@Suite(.needsKVM, .endsWhenHung)
struct SequenceTests {
    /// What the model knows of one interrupt.
    private struct Shadow {
        let event: RoutedEvent
        var message: MSIMessage?
        /// Whether an event was stated that nobody has taken.
        var isStated = false
        var isRetired = false
    }

    private struct Model {
        let host: DeliveryMachine
        let router: EventRouter
        var random: SeededGenerator
        var shadows: [Shadow] = []
        var owed: [Set<UInt8>] = [[], []]
        var dropped = 0
        var nextVector: UInt8 = 0x20

        init(seed: UInt64, chip: RouteTable.Chip) throws {
            let pins = chip == .kernel ? 40 : RouteTable.pins
            host = try DeliveryMachine(chip, processors: 2, limit: pins + 6, overcommits: true)
            router = try host.makeRouter()
            random = SeededGenerator(seed: seed)
        }

        /// A message that nothing else in the round has: so what arrives tells where from.
        mutating func makeMessage() -> MSIMessage {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: return MSIMessage(address: 0x3000, data: 1)
            case 1: return MSIMessage(address: 0xfee0_0000, data: 3)
            default:
                nextVector += 1
                return message(nextVector, to: Int.random(in: 0...1, using: &random))
            }
        }

        /// What was stated goes to where the interrupt leads.
        mutating func deliver(_ index: Int) {
            guard shadows[index].isStated, let message = shadows[index].message else { return }
            shadows[index].isStated = false
            if host.sender.disposition(of: message) == .interrupt,
                let decoded = APICMessage(message, host.sender.format)
            {
                owed[Int(decoded.destination)].insert(decoded.vector)
            } else {
                dropped += 1
            }
        }

        mutating func step() throws {
            let count = shadows.count
            guard count > 3, let index = (0..<count).randomElement(using: &random) else {
                let event = try router.makeEvent(EventFD(), for: "device")
                return shadows.append(Shadow(event: event))
            }
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<7: fire(index)
            case 7..<12: try change([index])
            case 12..<15: try change(shadows.indices.filter { _ in Bool.random(using: &random) })
            case 15..<17: close(index)
            case 17: settle()
            case 18 where count < 14:
                let event = try router.makeEvent(EventFD(), for: "device")
                shadows.append(Shadow(event: event))
            case 18: break
            default: retire(index)
            }
        }

        private mutating func fire(_ index: Int) {
            shadows[index].event.fire()
            shadows[index].isStated = true
            if shadows[index].event.isAttached { deliver(index) }
        }

        private mutating func change(_ indices: [Int]) throws {
            var changes: [RouteChange] = []
            for index in indices {
                shadows[index].message =
                    Int.random(in: 0..<4, using: &random) == 0 ? nil : makeMessage()
                changes.append(RouteChange(shadows[index].event, shadows[index].message))
            }
            router.apply(changes)
            for index in indices where shadows[index].event.isAttached { deliver(index) }
            // The kernel delivers late what waited, and a further change may overtake that.
            try eventually { try isEveryoneServed() }
        }

        private func isEveryoneServed() throws -> Bool {
            try (0...1).allSatisfy { number in
                let requested = try host.requested(number)
                return owed[number].isSubset(of: requested)
            }
        }

        private mutating func close(_ index: Int) {
            shadows[index].message = nil
            router.close(shadows[index].event)
        }

        mutating func settle() {
            router.settle()
            for index in shadows.indices { deliver(index) }
        }

        private mutating func retire(_ index: Int) {
            router.retire([shadows[index].event])
            shadows.remove(at: index)
        }

        /// Ends a round: everything that the guest is owed is there, and nothing else.
        mutating func balance() throws {
            settle()
            // When the kernel has let go of an event, nothing of it is under way.
            for index in shadows.indices { close(index) }
            router.settle()
            for number in 0...1 { #expect(try host.requested(number) == owed[number]) }
            for shadow in shadows { #expect(shadow.event.isPending == shadow.isStated) }
            let counts = host.sender.counts
            #expect(counts.stored + counts.refused == UInt64(dropped))
            #expect(counts.unreachable + counts.failed + counts.withoutTarget == 0)
            #expect(counts.sum == router.counts.carried)
            #expect(router.counts.attached - router.counts.detached == 0)
            try host.clear()
            owed = [[], []]
            nextVector = 0x20
        }
    }

    @Test(
        .rules("KVMR-1", "KVMR-2", "KVMR-3", "KVMR-4", "KVMR-8", "KVMR-11", "KVMR-12"),
        arguments: [RouteTable.Chip.kernel, .split])
    func everyEventIsInOnePlace(chip: RouteTable.Chip) throws {
        for seed in 0..<25 as Range<UInt64> {
            var model = try Model(seed: seed, chip: chip)
            for _ in 0..<12 {
                for _ in 0..<40 where model.nextVector < 0xe0 { try model.step() }
                try model.balance()
            }
            let table = model.host.table
            model.router.retire(model.shadows.map(\.event))
            model.router.settle()
            #expect(table.pool.figures.held == 0)
            #expect(table.figures.retiring == 0)
            #expect(table.figures.routes == (chip == .kernel ? 40 : 0))
        }
    }
}
