import IRQDomains
import PlatformTypes
import TestTraits
import Testing

/// The whole chain: what a failure at each step leaves behind, and what each domain says.
struct DomainChainTests {
    private static let source = RequesterID(0x00fb)

    private static func chain(
        paravirtual: Int = 4, remapping: Int = 4, processors: Int = 1
    ) -> DomainChain {
        DomainChain(
            paravirtual: CountedDomain(.paravirtual, capacity: paravirtual),
            remapping: RemappingDomain(entries: remapping),
            root: .vector(VectorDomain(processors: processors)))
    }

    /// Allocation has three steps and activation one; each fails in turn.
    @Test(.rules("DOM-1", "DOM-2"), arguments: 0..<5)
    func aFailureAtAnyStepLeavesEverythingAsItWas(steps: Int) throws {
        var chain = Self.chain()
        let other = try chain.allocate(for: "other", from: RequesterID(1))
        let before = chain
        chain.stepsLeft = steps
        let domains: [DomainRefusal.Domain] = [.vector, .remapping, .paravirtual, .vector]
        do throws(DomainRefusal) {
            var interrupt = try chain.allocate(for: "device", from: Self.source)
            let allocated = chain
            do throws(DomainRefusal) {
                try chain.activate(&interrupt)
                #expect(steps == 4)
                #expect(interrupt.isActive)
            } catch {
                #expect(steps == 3)
                #expect((error.domain, error.action) == (.vector, .activate))
                #expect(chain == allocated)
                #expect(!interrupt.isActive)
                chain.stepsLeft = nil
                try chain.activate(&interrupt)
                #expect(interrupt.isActive)
            }
            chain.free(interrupt)
        } catch {
            #expect((error.domain, error.action) == (domains[steps], .allocate))
            #expect(error.holders == ["other": 1])
        }
        chain.stepsLeft = nil
        #expect(chain == before)
        chain.free(other)
        #expect(chain == Self.chain())
    }

    @Test(
        .rule("DOM-1"),
        arguments: [
            ((2, 4, 1), "DOMAIN-PARAVIRTUAL", "2 of 2 numbers are in use"),
            ((4, 3, 1), "DOMAIN-REMAPPING", "3 of 3 remapping entries are in use"),
            ((4, 4, 0), "DOMAIN-VECTOR", "0 of 0 processor vectors are in use"),
        ])
    func theDomainThatHasNothingLeftIsNamed(
        sizes: (Int, Int, Int), code: String, figures: String
    ) {
        var chain = Self.chain(paravirtual: sizes.0, remapping: sizes.1, processors: sizes.2)
        #expect(chain.capacity == [sizes.0, sizes.1, 202 * sizes.2].min())
        let refusal = #expect(throws: DomainRefusal.self) {
            for _ in 0..<5 { _ = try chain.allocate(for: "device", from: Self.source) }
        }
        #expect(refusal?.code == code)
        #expect(refusal?.description.contains(figures) == true)
        #expect(refusal?.description.hasSuffix("[\(code)]") == true)
        #expect(chain.limiting.available == 0)
    }

    @Test(.rules("DOM-1", "DOM-7"), arguments: [DomainRefusal.Domain.route, .event])
    func aCountedRootHandsOutNumbers(domain: DomainRefusal.Domain) throws {
        var chain = DomainChain(root: .counted(CountedDomain(domain, capacity: 2)))
        let first = try chain.allocate(for: "a", from: Self.source)
        var second = try chain.allocate(for: "b", from: Self.source)
        try chain.activate(&second)
        #expect(first.path == "\(domain == .route ? "route" : "event") 0 (not active)")
        #expect(second.path == "\(domain == .route ? "route" : "event") 1")
        let refusal = #expect(throws: DomainRefusal.self) {
            _ = try chain.allocate(for: "c", from: Self.source)
        }
        #expect(refusal?.domain == domain)
        #expect(refusal?.holders == ["a": 1, "b": 1])
        chain.free(first)
        #expect(try chain.allocate(for: "c", from: Self.source).root == first.root)
    }

    @Test(.rules("DOM-3", "DOM-4", "DOM-5")) func anEntryIsItsFunctionsAndLeadsWhereItSays() throws
    {
        var chain = Self.chain()
        func deliver(_ entry: Int, from source: RequesterID = Self.source) -> DomainChain.Arrival {
            chain.deliver(RemappableMessage(handle: UInt16(entry)).message, from: source)
        }
        var interrupt = try chain.allocate(for: "a", from: Self.source)
        let entry = try #require(interrupt.remapping)
        #expect(chain.message(of: interrupt) == RemappableMessage(handle: UInt16(entry)).message)
        #expect(deliver(entry) == .dropped)
        try chain.activate(&interrupt)
        guard case .delivered(.vector(let target)) = deliver(entry) else {
            Issue.record("an active interrupt arrives")
            return
        }
        #expect(interrupt.path == "paravirtual 0, entry 0, \(target)")
        #expect(deliver(entry, from: RequesterID(1)) == .blocked(.source))
        #expect(deliver(entry + 1) == .blocked(.notPresent))
        #expect(deliver(4) == .blocked(.beyondTable))
        let plain = try #require(APICMessage(destination: 0, vector: 0x31)?.message(.xapic))
        #expect(chain.deliver(plain, from: Self.source) == .blocked(.compatibility))
        chain.deactivate(&interrupt)
        #expect(deliver(entry) == .dropped)
        #expect((chain.remapping?.dropped, chain.remapping?.blocked) == (2, 4))
        #expect(chain.lostMessages == 6)
        #expect(interrupt.remapping == entry)
        #expect(DomainChain(events: 1).remapping == nil)
    }

    @Test(.rule("DOM-14")) func largeTablesAreFilledAndEmptied() throws {
        var chain = DomainChain(
            remapping: RemappingDomain(), root: .vector(VectorDomain(processors: 40)))
        var interrupts: [HostInterrupt] = []
        for _ in 0..<chain.capacity {
            var interrupt = try chain.allocate(for: "a", from: Self.source)
            try chain.activate(&interrupt)
            interrupts.append(interrupt)
        }
        #expect(interrupts.count == 40 * 202)
        #expect(Set(interrupts.map(\.path)).count == interrupts.count)
        for interrupt in interrupts { chain.free(interrupt) }
        #expect(chain.figures.allSatisfy { $0.inUse == 0 })
    }

    @Test func requestersAndProcessorsAreWrittenAsUsual() {
        #expect(RequesterID(bus: 0x3a, device: 31, function: 3)?.description == "3a:1f.3")
        #expect(RequesterID(bus: 0, device: 32, function: 0) == nil)
        #expect(RequesterID(bus: 0, device: 0, function: 8) == nil)
        #expect(CPUSet([70, 0, 2, 3, 4]).description == "0,2-4,70")
        var set: CPUSet = [70]
        set.remove(70)
        #expect(set == CPUSet())
        #expect(set.isEmpty && !set.contains(70))
        #expect(CPUSet([1, 130]).first(in: [130, 131]) == 130)
    }
}
