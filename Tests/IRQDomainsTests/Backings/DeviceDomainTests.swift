import IRQDomains
import PlatformTypes
import Synchronization
import TestTraits
import Testing

/// The parent's function as the first domain of a chain.
struct DeviceDomainTests {
    private static let function = RequesterID(0x0108)

    @Test(.rules("BACK-7", "DOM-16")) func onlyFunctionsThatCanBeAreDescribed() {
        func can(_ counts: (Backing, Int)...) -> Bool {
            DeviceDomain(
                counts.map { (backing: $0.0, count: $0.1) }, requester: Self.function) != nil
        }
        for count in -1...2049 {
            #expect(can((.msi, count)) == [1, 2, 4, 8, 16, 32].contains(count))
            #expect(can((.msix, count)) == (1...2048).contains(count))
            #expect(can((.ims, count)) == (1...2048).contains(count))
            #expect(can((.intx, count)) == (1...2048).contains(count))
        }
        #expect(can((.msix, 8), (.ims, 8), (.msi, 8), (.intx, 8)))
        #expect(!can((.msix, 8), (.msix, 8)))
        #expect(!can((.software, 8)))
        #expect(!can())
    }

    /// Every step of allocation and activation fails in turn, for each kind.
    @Test(
        .rules("DOM-1", "DOM-16"),
        arguments: [Backing.intx, .msi, .msix, .ims], [true, false])
    func aFailureAtAnyStepLeavesEverythingAsItWas(backing: Backing, remapped: Bool) throws {
        let root: DomainChain.Root =
            remapped
            ? .vector(VectorDomain(processors: 1))
            : .counted(CountedDomain(.event, capacity: 8))
        let empty = DomainChain(
            device: DeviceDomain([(backing, 4)], requester: Self.function),
            remapping: remapped ? RemappingDomain(entries: 8) : nil, root: root)
        #expect(empty.capacity == 4)
        for steps in 0..<5 {
            var chain = empty
            let other = try chain.allocate(for: "other", from: RequesterID(1))
            let before = chain
            chain.stepsLeft = steps
            do throws(DomainRefusal) {
                var interrupt = try chain.allocate(for: "device", from: RequesterID(1))
                try? chain.activate(&interrupt)
                chain.free(interrupt)
            } catch {
                #expect(error.holders == ["other": 1])
                if steps == 0 { #expect(error.code == "DOMAIN-DEVICE") }
            }
            chain.stepsLeft = nil
            #expect(chain == before)
            chain.free(other)
            #expect(chain == empty)
        }
    }

    @Test(.rules("BACK-6", "DOM-16")) func messagesOfMSIFollowOneAnother() throws {
        var chain = DomainChain(
            device: DeviceDomain([(.msi, 8), (.msix, 8)], requester: Self.function),
            remapping: RemappingDomain(entries: 32), root: .vector(VectorDomain(processors: 1)))
        #expect(chain.figures.map(\.inUse) == [0, 0, 8, 0])
        var interrupts: [HostInterrupt] = []
        while let interrupt = try? chain.allocate(for: "a", from: RequesterID(1)) {
            interrupts.append(interrupt)
        }
        #expect(interrupts.count == 16)
        #expect(
            interrupts.map { $0.source?.backing } == Array(repeating: .msi, count: 8)
                + Array(repeating: .msix, count: 8))
        let messages = try interrupts.prefix(8).map { try #require(chain.message(of: $0)) }
        #expect(Set(messages.map(\.address)).count == 1)
        #expect(messages.map(\.data) == Array(0..<8))
        for index in interrupts.indices {
            try chain.activate(&interrupts[index])
            let message = try #require(chain.message(of: interrupts[index]))
            guard case .vector(_, .some(let target)) = interrupts[index].root else {
                Issue.record("an active interrupt has a vector")
                return
            }
            #expect(chain.deliver(message, from: Self.function) == .delivered(.vector(target)))
            #expect(chain.deliver(message, from: RequesterID(1)) == .blocked(.source))
        }
        #expect(chain.limiting.domain == .device)
        for interrupt in interrupts { chain.free(interrupt) }
        #expect(chain.figures.map(\.inUse) == [0, 0, 8, 0])
    }

    /// Without a table, what a message says is where it goes: a processor's vector or a number.
    @Test(.rules("DOM-8", "DOM-13", "DOM-16")) func withoutATableAMessageSaysWhereItGoes() throws {
        var chain = DomainChain(
            device: DeviceDomain([(.msix, 2)], requester: Self.function),
            root: .vector(VectorDomain(processors: 300)))
        var interrupt = try chain.allocate(for: "a", from: RequesterID(1))
        #expect(chain.message(of: interrupt) == nil)
        try chain.activate(&interrupt, affinity: [299])
        let message = try #require(chain.message(of: interrupt))
        #expect(message == MSIMessage(address: 0x0000_0100_fee2_b000, data: 0x21))
        #expect(
            chain.deliver(message, from: Self.function)
                == .delivered(.vector(VectorTarget(processor: 299, vector: 0x21))))
        let shutdown = try #require(APICMessage(destination: 1, vector: 0xef)?.message(.x2apic))
        #expect(chain.deliver(shutdown, from: Self.function) == .dropped)
        #expect(
            chain.deliver(MSIMessage(address: 0xfed0_0000, data: 0x21), from: Self.function)
                == .malformed)
        #expect(chain.lostMessages == 2)

        var events = DomainChain(
            device: DeviceDomain([(.ims, 2)], requester: Self.function),
            root: .counted(CountedDomain(.event, capacity: 2)))
        _ = try events.allocate(for: "a", from: RequesterID(1))
        let second = try events.allocate(for: "a", from: RequesterID(1))
        let numbered = try #require(events.message(of: second))
        #expect(events.deliver(numbered, from: Self.function) == .delivered(.number(1)))
    }

    private final class Wakes: Sendable {
        let count = Atomic<Int>(0)
    }

    /// An event while nobody hears of it waits at the function, and is told to whoever comes.
    @Test(.rules("BACK-2", "BACK-3", "BACK-4"), arguments: [Backing.intx, .msi, .msix, .ims])
    func whatWaitsAtTheFunctionIsToldWhenSomebodyListens(backing: Backing) throws {
        let pool = VectorPool(
            name: "parent",
            domains: DomainChain(
                device: DeviceDomain([(backing, 4)], requester: Self.function),
                remapping: RemappingDomain(entries: 4),
                root: .counted(CountedDomain(.event, capacity: 4))))
        let wakes = Wakes()
        let handler = HostHandler { _ = wakes.count.wrappingAdd(1, ordering: .relaxed) }
        var lease = try pool.reserve(for: "a")
        var raised = [lease.raise()]
        var taken: [UInt64] = []
        try lease.activate(handler)
        raised.append(lease.raise())
        taken += [lease.takeArrivals(), lease.takeArrivals()]
        raised.append(lease.raise())
        taken.append(lease.deactivate())
        raised.append(lease.raise())
        try lease.activate(handler)
        raised.append(lease.raise())
        taken.append(lease.takeArrivals())
        #expect(raised == [false, true, true, false, true], "only while somebody hears")
        #expect(taken == [1, 0, 1, 1], "what had left arrives")
        #expect(wakes.count.load(ordering: .relaxed) == 3)
        let counts = pool.counts(of: lease.interrupt)
        #expect(counts.map { [$0.raised, $0.sent, $0.coalesced, $0.released] } == [3, 3, 0, 0])
        _ = consume lease
        #expect(pool.figures.held == 0)
        #expect(pool.figures.domains.map(\.inUse) == (backing == .msi ? [0, 4, 0] : [0, 0, 0]))
    }
}
