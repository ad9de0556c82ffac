import DeviceModels
import IRQDomains
import LinuxKernel
import MediatedDevices
import ServerSupport
import Synchronization
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer

/// Slices of real devices at real sockets, created by many at once.
@Suite(.serialized, .endsWhenHung) struct SliceRegistryTests {
    /// What is kept, in memory; keeping can be made to fail.
    private final class Notebook: DefinitionKeeper {
        private let kept = Mutex<[DefinitionKey: InstanceDefinition]>([:])

        var definitions: [DefinitionKey: InstanceDefinition] { kept.withLock { $0 } }

        func keep(_ definition: InstanceDefinition, of key: DefinitionKey) throws(HostError) {
            kept.withLock { $0[key] = definition }
        }

        func forget(_ key: DefinitionKey) throws(HostError) {
            kept.withLock { $0[key] = nil }
        }
    }

    /// Interrupt testers, whose one attribute says how many slots they have.
    private struct Testers: DeviceCatalog {
        let server: VFIOUserServer
        let folder: String

        func settle(
            _ wish: InstanceWish, beside others: [InstanceWish]
        ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
            for attribute in wish.attributes
            where !["slots", "start_order"].contains(attribute.name)
                || Int(attribute.value) == nil
            {
                throw .attribute(name: attribute.name, reason: "there is no such thing")
            }
            return wish.attributes
        }

        func forgetContents(of id: InstanceID, _ wish: InstanceWish) throws(HostError) {}

        func serve(_ offer: InstanceOffer) async throws(VFIOUserServer.PlacementError) {
            let slots = offer.attributes.last { $0.name == "slots" }.flatMap { Int($0.value) } ?? 0
            let tester = try? InterruptTester(.init(vectors: 1, messages: nil, slots: slots))
            guard let tester else { throw .stopped }
            let placement = DevicePlacement(
                name: offer.name, socketPath: folder + offer.name, parent: offer.parent.pool,
                budget: offer.type.budget)
            try await server.serve(placement) { tester }
        }

        func withdraw(
            _ id: InstanceID, _ manner: VFIOUserServer.WithdrawalManner,
            later: @escaping @Sendable () -> Void
        ) async throws(VFIOUserServer.WithdrawalError) -> Bool {
            try await server.withdraw(id.description, manner, later: later)
        }
    }

    private struct World {
        let server: TestServer
        let parent: VectorPool
        let notebook = Notebook()
        let registry: SliceRegistry

        init(vectors: Int, units: Int? = nil, overcommits: Bool = false) throws {
            server = try TestServer(loops: 2)
            parent = VectorPool(name: "p", capacity: vectors, overcommits: overcommits)
            let types = [
                InstanceType(
                    name: "one", description: "", budget: VectorBudget(whole: 1), units: 1),
                InstanceType(
                    name: "two", description: "", budget: VectorBudget(whole: 2), units: 2),
            ]
            let described = try #require(
                MediatedParent(name: "p", pool: parent, units: units, types: types))
            registry = SliceRegistry(
                parents: [described], definitions: [:], keeper: notebook,
                catalog: Testers(server: server.server, folder: server.path("")))
        }

        func left(_ type: String) async throws -> (Int, TypeAvailability.Resource?) {
            let types = try await registry.types(of: "p")
            let offered = try #require(types.first { $0.type.name == type })
            return (offered.availability.count, offered.availability.limiting)
        }
    }

    private static func id(_ number: Int) throws -> InstanceID {
        let digits = String(number)
        let tail = String(repeating: "0", count: 12 - digits.count) + digits
        return try #require(InstanceID("00000000-0000-4000-8000-\(tail)"))
    }

    private static func code(_ work: () async throws -> Void) async -> String? {
        do { try await work() } catch let error as RegistryError { return error.code } catch {
            return "\(error)"
        }
        return nil
    }

    @Test(.scenario("T-L01"), .rules("SLICE-3", "SLICE-5"))
    func aHundredWantTenPlacesAndTenGetThem() async throws {
        let world = try World(vectors: 10)
        let codes = try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<100 {
                let id = try Self.id(number)
                let registry = world.registry
                group.addTask {
                    await Self.code { try await registry.start(id, of: "p", type: "one") }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count { $0 == nil } == 10)
        #expect(Set(codes.compactMap { $0 }).isSubset(of: ["SLICE-EXHAUSTED", "BUDGET-GUARANTEE"]))
        #expect(world.parent.figures.held == 10)
        #expect(await world.registry.slices.count == 10)
        #expect(try await world.left("one") == (0, .guarantees))
    }

    @Test(.scenario("T-L01"), .rules("SLICE-2", "SLICE-5"))
    func oneUUIDIsCreatedOnceAndAgainWhenItHasGone() async throws {
        let world = try World(vectors: 10)
        let id = try Self.id(1)
        for _ in 0..<20 {
            let codes = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<6 {
                    let registry = world.registry
                    group.addTask {
                        await Self.code {
                            if number % 3 == 2 {
                                try await registry.stop(id, .now)
                            } else {
                                try await registry.start(id, of: "p", type: "one")
                            }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(
                Set(codes.compactMap { $0 }).isSubset(
                    of: ["SLICE-ACTIVE", "SLICE-INACTIVE", "SLICE-GONE"]), "\(codes)")
            _ = await Self.code { try await world.registry.stop(id, .now) }
            #expect(world.parent.figures.held == 0)
            #expect(await world.registry.slices.isEmpty)
        }
    }

    /// What is said to be left can be created, for two types that share everything.
    @Test(.scenario("T-L02"), .rule("SLICE-4"), arguments: [nil, 5] as [Int?])
    func whatIsLeftIsWhatCanBeCreated(units: Int?) async throws {
        let world = try World(vectors: 7, units: units)
        let limit = units ?? 7
        #expect(try await world.left("two") == (limit / 2, units == nil ? .guarantees : .units))
        for number in 0..<limit {
            #expect(try await world.left("one").0 == limit - number)
            #expect(try await world.left("two").0 == (limit - number) / 2)
            try await world.registry.start(try Self.id(number), of: "p", type: "one")
        }
        let refused = await Self.code {
            try await world.registry.start(try Self.id(99), of: "p", type: "one")
        }
        #expect(refused == "SLICE-EXHAUSTED")
        try await world.registry.stop(try Self.id(0))
        #expect(try await world.left("one").0 == 1)
        #expect(try await world.left("two").0 == 0)
    }

    @Test(.scenario("T-L03"), .rule("SLICE-6"))
    func attributesAreFrozenWhileSomebodyUsesTheSlice() async throws {
        let world = try World(vectors: 10)
        let id = try Self.id(1)
        try await world.registry.start(id, of: "p", type: "two")
        try await world.registry.modifyActive(id) { $0 = [.init(name: "slots", value: "1")] }
        let client = try world.server.client(id.description)
        #expect(try client.regionInfo(.bar(4)).size > 0, "it has its slots")
        let frozen = await Self.code {
            try await world.registry.modifyActive(id) { $0 = [.init(name: "slots", value: "0")] }
        }
        #expect(frozen == "SLICE-FROZEN")
        #expect(try client.regionInfo(.bar(4)).size > 0)
        client.disconnect()
        _ = try world.server.events.disconnect(of: id.description)
        let wrong = await Self.code {
            try await world.registry.modifyActive(id) { $0 = [.init(name: "colour", value: "0")] }
        }
        #expect(wrong == "SLICE-ATTRIBUTE")
        let tooMuch = await Self.code {
            try await world.registry.modifyActive(id) { $0 = [.init(name: "slots", value: "4")] }
        }
        #expect(tooMuch == "VECTOR-LIMIT", "more than its type may hold")
        let again = try world.server.client(id.description)
        #expect(try again.regionInfo(.bar(4)).size > 0, "it is as it was")
    }

    @Test(.rules("SLICE-6", "SLICE-7", "SLICE-8")) func aSliceInUseGoesAsItIsTold() async throws {
        let world = try World(vectors: 10)
        let id = try Self.id(1)
        try await world.registry.define(id, of: "p", as: InstanceDefinition(type: "one"))
        #expect(
            await Self.code {
                try await world.registry.define(id, of: "p", as: InstanceDefinition(type: "one"))
            } == "SLICE-DEFINED")
        try await world.registry.start(id)
        let client = try world.server.client(id.description)
        #expect(await Self.code { try await world.registry.stop(id) } == "SLICE-BUSY")
        #expect(try await world.registry.stop(id, .whenIdle) == false)
        #expect(await world.registry.slices.map(\.state) == [.draining])
        #expect(await Self.code { try await world.registry.stop(id) } == "SLICE-BUSY")
        client.disconnect()
        while await world.registry.slices.map(\.state) != [.defined] { await Task.yield() }
        #expect(world.parent.figures.held == 0)

        try await world.registry.start(id)
        try await world.registry.undefine(id)
        #expect(world.notebook.definitions.isEmpty)
        #expect(await world.registry.slices.map(\.state) == [.serving])
        try await world.registry.stop(id)
        #expect(await world.registry.slices.isEmpty)
        #expect(await Self.code { try await world.registry.stop(id) } == "SLICE-GONE")
        #expect(await Self.code { try await world.registry.undefine(id) } == "SLICE-GONE")
    }

    @Test(.rules("SLICE-2", "SLICE-3")) func whatStartsByItselfStartsInOrderAndSaysWhatDidNot()
        async throws
    {
        let world = try World(vectors: 3)
        for number in 0..<3 {
            try await world.registry.define(
                try Self.id(number), of: "p",
                as: InstanceDefinition(type: "two", start: number == 2 ? .manual : .auto))
        }
        let starts = await world.registry.startAutomatically()
        #expect(starts.map(\.key.id) == [try Self.id(0), try Self.id(1)])
        #expect(starts.map(\.error?.code) == [nil, "SLICE-EXHAUSTED"])
        let states = await world.registry.slices.map(\.state)
        #expect(states == [.serving, .defined, .defined])
        for (work, code) in [
            ("nobody", "SLICE-PARENT"), ("p", "SLICE-TYPE"),
        ] {
            let id = try Self.id(7)
            let refused = await Self.code {
                try await world.registry.start(id, of: work, type: "three")
            }
            #expect(refused == code)
        }
    }

    @Test(.rule("SLICE-12")) func whatCouldNotStartIsTriedAgainUntilSomebodyElseDecides()
        async throws
    {
        let world = try World(vectors: 2)
        for (number, order) in [(0, 7), (1, 3), (2, 5)] {
            try await world.registry.define(
                try Self.id(number), of: "p",
                as: InstanceDefinition(
                    type: "two", start: .auto,
                    attributes: [.init(name: "start_order", value: "\(order)")]))
        }
        func attempt(
            _ starts: [SliceRegistry.AutomaticStart], is expected: [(Int, String?)]
        ) throws {
            #expect(starts.map(\.key.id) == (try expected.map { try Self.id($0.0) }))
            #expect(starts.map(\.error?.code) == expected.map(\.1))
        }
        let full = "SLICE-EXHAUSTED"
        try attempt(
            await world.registry.startAutomatically(), is: [(1, nil), (2, full), (0, full)])
        try attempt(await world.registry.retryAutomatically(), is: [])
        try await world.registry.stop(try Self.id(1))
        // The one that was stopped stays so; of the others the first finds room.
        try attempt(await world.registry.retryAutomatically(), is: [(2, nil)])
        try await world.registry.stop(try Self.id(2))
        try await world.registry.undefine(try Self.id(0))
        try attempt(await world.registry.retryAutomatically(), is: [])
        #expect(await world.registry.slices.map(\.state) == [.defined, .defined])
    }
}
