import IRQDomains
import InterruptTestSupport
import PlatformTypes
import TestTraits
import Testing

/// Vectors of two processors that have two each, in every order of use by four interrupts.
struct VectorDomainTests {
    private static let small = VectorDomain.Layout(
        usable: 0x30...0x32, system: [0x31], shutdown: 0xef)

    @Test(.rules("DOM-2", "DOM-8", "DOM-9", "DOM-11", "DOM-12"))
    func everySequenceKeepsPromises() {
        let report = SequenceExplorer(Operation.all)
            .everyReachableState(
                from: Machine(keepsPromises: true), remembering: \.key, limit: 5_000
            ) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 100, "\(report)")
    }

    @Test(.rules("DOM-2", "DOM-8", "DOM-10")) func withoutPromisesActivationMayFail() {
        let report = SequenceExplorer(Operation.all)
            .everyReachableState(
                from: Machine(keepsPromises: false), remembering: \.key, limit: 5_000
            ) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 100, "\(report)")
    }

    private enum Operation: Hashable {
        case allocate(managed: CPUSet?), activate(Int, CPUSet?), move(Int, CPUSet)
        case deactivate(Int), free(Int)

        static let all: [Self] =
            [.allocate(managed: nil), .allocate(managed: [0]), .allocate(managed: [0, 1])]
            + (0..<4).flatMap { number -> [Self] in
                [
                    .activate(number, nil), .activate(number, [1]), .move(number, [0]),
                    .deactivate(number), .free(number),
                ]
            }
    }

    /// A chain with vectors and a remapping table, and the interrupts that are out.
    private struct Machine {
        private var chain: DomainChain
        private var interrupts: [HostInterrupt] = []
        private let keepsPromises: Bool

        init(keepsPromises: Bool) {
            self.keepsPromises = keepsPromises
            chain = DomainChain(
                remapping: RemappingDomain(entries: 4),
                root: .vector(
                    VectorDomain(
                        processors: 2, layout: VectorDomainTests.small,
                        keepsPromises: keepsPromises)))
        }

        /// Which claims lead where. Which entry each has matters to nobody.
        var key: [String] { interrupts.map { "\($0.root)" }.sorted() }

        private func isManaged(_ interrupt: HostInterrupt) -> CPUSet? {
            if case .vector(.managed(let set), _) = interrupt.root { set } else { nil }
        }

        private func target(_ interrupt: HostInterrupt) -> VectorTarget? {
            if case .vector(_, let target) = interrupt.root { target } else { nil }
        }

        /// Vectors that the claims of all interrupts come to.
        private var claimed: Int {
            interrupts.map { isManaged($0)?.processors.count ?? 1 }.reduce(0, +)
        }

        /// Vectors of `processor` that nobody can take: assigned, or set aside there.
        private func taken(on processor: Int) -> Int {
            interrupts.count { interrupt in
                target(interrupt)?.processor == processor
                    || isManaged(interrupt)?.contains(processor) == true
            }
        }

        mutating func perform(_ operation: Operation) -> String? {
            switch operation {
            case .allocate(let managed): return allocate(managed)
            case .activate(let number, let affinity): return activate(number, affinity)
            case .move(let number, let affinity): return move(number, affinity)
            case .deactivate(let number):
                guard interrupts.indices.contains(number) else { return nil }
                chain.deactivate(&interrupts[number])
            case .free(let number):
                guard interrupts.indices.contains(number) else { return nil }
                chain.free(interrupts.remove(at: number))
            }
            return laws()
        }

        private mutating func allocate(_ managed: CPUSet?) -> String? {
            guard interrupts.count < 4 else { return nil }
            let before = chain
            let hasRoom = (managed?.processors ?? []).allSatisfy { taken(on: $0) < 2 }
            let isPromised =
                !keepsPromises || claimed + (managed?.processors.count ?? 1) <= 4
            do throws(DomainRefusal) {
                interrupts.append(
                    try chain.allocate(for: "a", from: RequesterID(8), managedOn: managed))
                if !hasRoom || !isPromised { return "more was promised than there is" }
            } catch {
                if hasRoom && isPromised { return "\(error)" }
                if chain != before { return "a failed allocation left something behind" }
                if error.domain != .vector || error.limit != 4 { return "\(error)" }
            }
            return laws()
        }

        private mutating func activate(_ number: Int, _ affinity: CPUSet?) -> String? {
            guard interrupts.indices.contains(number), !interrupts[number].isActive else {
                return nil
            }
            let before = chain
            let wanted = affinity ?? [0, 1]
            let home = isManaged(interrupts[number])
            let hadRoom = (0..<2).filter { wanted.contains($0) && taken(on: $0) < 2 }
            do throws(DomainRefusal) {
                try chain.activate(&interrupts[number], affinity: affinity)
            } catch {
                if keepsPromises || home != nil { return "a promise was broken: \(error)" }
                if (0..<2).contains(where: { taken(on: $0) < 2 }) { return "there was room" }
                return chain == before && !interrupts[number].isActive ? nil : "not as it was"
            }
            guard let target = target(interrupts[number]) else { return "it leads nowhere" }
            if let home, !home.contains(target.processor) { return "managed elsewhere" }
            if home == nil, !hadRoom.isEmpty, !hadRoom.contains(target.processor) {
                return "its affinity had room"
            }
            return laws()
        }

        private mutating func move(_ number: Int, _ affinity: CPUSet) -> String? {
            guard interrupts.indices.contains(number) else { return nil }
            let before = (chain, interrupts[number])
            do throws(DomainRefusal) {
                let entry = interrupts[number].remapping
                let moved = try chain.move(&interrupts[number], to: affinity)
                if moved != nil, interrupts[number].remapping != entry { return "another entry" }
                if moved != target(interrupts[number]) { return "it does not go where it says" }
                let mine = isManaged(interrupts[number])?.intersection(affinity)
                if let moved, let mine, !mine.isEmpty, !mine.contains(moved.processor) {
                    return "a managed interrupt has a vector on each of its processors"
                }
            } catch {
                // While it moves an interrupt has two vectors.
                if (0..<2).contains(where: { taken(on: $0) < 2 }) { return "there was room" }
                if chain != before.0 || interrupts[number] != before.1 { return "not as it was" }
            }
            return laws()
        }

        private mutating func laws() -> String? {
            let targets = interrupts.compactMap { target($0) }
            if Set(targets).count != targets.count { return "a vector is assigned twice" }
            if targets.contains(where: { $0.vector != 0x30 && $0.vector != 0x32 }) {
                return "a vector that devices may not have"
            }
            guard let domain = chain.vectors, domain.assigned == targets.count else {
                return "assigned is not what is active"
            }
            if domain.inUse != claimed { return "\(domain.inUse) is not what is claimed" }
            for interrupt in interrupts {
                guard let entry = interrupt.remapping else { return "an entry was not taken" }
                let expected: DomainChain.Arrival =
                    target(interrupt).map { .delivered(.vector($0)) } ?? .dropped
                var copy = chain
                let message = RemappableMessage(handle: UInt16(entry)).message
                if copy.deliver(message, from: RequesterID(8)) != expected {
                    return "entry \(entry)"
                }
            }
            return nil
        }
    }

    @Test(.rule("DOM-8")) func linuxHasSome200VectorsAProcessor() {
        #expect(VectorDomain.Layout.linux.count == 202)
        #expect(VectorDomain(processors: 12).capacity == 2424)
    }

    @Test(.rule("DOM-13")) func whatArrivesAtTheShutdownVectorIsDropped() {
        var domain = VectorDomain(processors: 1)
        let vectors = (0...255).filter { domain.isDropped(at: UInt8($0)) }
        #expect(vectors == [0xef])
        #expect(domain.dropped == 1)
    }

    @Test(.rule("DOM-9")) func interruptsSpreadOverTheProcessors() throws {
        var chain = DomainChain(root: .vector(VectorDomain(processors: 4)))
        var seen: [Int: Int] = [:]
        for _ in 0..<400 {
            var interrupt = try chain.allocate(for: "a", from: RequesterID(0))
            try chain.activate(&interrupt)
            if case .vector(_, .some(let target)) = interrupt.root {
                seen[target.processor, default: 0] += 1
            }
        }
        #expect(seen == [0: 100, 1: 100, 2: 100, 3: 100])
    }
}
