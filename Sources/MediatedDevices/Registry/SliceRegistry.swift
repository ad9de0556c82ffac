import IRQDomains
import LinuxKernel
public import VFIOUserServer

/// The slices of a set of parents: which are defined, which are active, and how many more there can
/// be. Rules are numbered in `docs/specifications/slices.md`.
public actor SliceRegistry {
    /// A slice at one moment.
    public struct Slice: Sendable {
        /// Which slice.
        public let key: DefinitionKey
        /// Its type.
        public let type: String
        /// Where it is in its life; `serving` also while a client uses it, of which only its server
        /// knows.
        public let state: InstanceState
        /// What is kept of it; nil if nothing is.
        public let definition: InstanceDefinition?
        /// The attributes that it has while it is active, or is to have.
        public let attributes: [InstanceDefinition.Attribute]
    }

    /// A type as its parent offers it now.
    public struct OfferedType: Sendable {
        /// The parent's name.
        public let parent: String
        /// The type.
        public let type: InstanceType
        /// How many more instances there can be, and what limits that.
        public let availability: TypeAvailability
    }

    struct Active {
        let token: Int
        let key: DefinitionKey
        let type: InstanceType
        var attributes: [InstanceDefinition.Attribute]
        var life: LifeCycle
        /// Whether its socket is being opened, or opened anew.
        var isOpening = true
        /// Whether it was stopped meanwhile; it goes as soon as its socket is open.
        var isUnwanted = false
    }

    private let parents: [String: MediatedParent]
    private let keeper: any DefinitionKeeper
    private let catalog: any DeviceCatalog
    private(set) var definitions: [DefinitionKey: InstanceDefinition]
    private(set) var active: [InstanceID: Active] = [:]
    /// Slices that were to start by themselves and could not, and why.
    var waiting: [DefinitionKey: RegistryError] = [:]
    private var tokens = 0

    /// The slices of `parents`, of which `definitions` are kept.
    ///
    /// - Precondition: no two parents have one name.
    public init(
        parents: [MediatedParent], definitions: [DefinitionKey: InstanceDefinition],
        keeper: any DefinitionKeeper, catalog: any DeviceCatalog
    ) {
        self.parents = Dictionary(uniqueKeysWithValues: parents.map { ($0.name, $0) })
        self.definitions = definitions
        self.keeper = keeper
        self.catalog = catalog
    }

    // MARK: Questions

    /// Every type of every parent, or of the one called `parent`, by their names.
    public func types(of parent: String? = nil) throws(RegistryError) -> [OfferedType] {
        var offered: [OfferedType] = []
        for name in parent.map({ [$0] }) ?? parents.keys.sorted() {
            let parent = try self.parent(name)
            for type in parent.types.values.sorted(by: { $0.name < $1.name }) {
                offered.append(
                    OfferedType(
                        parent: name, type: type, availability: availability(of: type, parent)))
            }
        }
        return offered
    }

    /// Every slice that is defined or active, by parent and UUID.
    public var slices: [Slice] {
        let keys = Set(definitions.keys).union(active.values.map(\.key))
        return keys.sorted { ($0.parent, $0.id) < ($1.parent, $1.id) }.map { slice($0) }
    }

    private func slice(_ key: DefinitionKey) -> Slice {
        let definition = definitions[key]
        guard let instance = active[key.id], instance.key == key else {
            return Slice(
                key: key, type: definition?.type ?? "", state: .defined, definition: definition,
                attributes: definition?.attributes ?? [])
        }
        return Slice(
            key: key, type: instance.type.name, state: instance.life.state,
            definition: definition, attributes: instance.attributes)
    }

    // MARK: Definitions

    /// Keeps a definition of `id` with `parent`.
    public func define(
        _ id: InstanceID, of parent: String, as definition: InstanceDefinition
    ) throws(RegistryError) {
        let key = DefinitionKey(parent: parent, id: id)
        _ = try type(definition.type, of: try self.parent(parent))
        guard definitions[key] == nil else { throw .defined(id, parent: parent) }
        try keep(try settled(definition, of: key), of: key)
        if active[id]?.key == key { try take(.define, id) }
    }

    /// Changes the definition of `id`; an instance that is active keeps what it has until it is
    /// started the next time.
    public func modify(
        _ id: InstanceID, of parent: String? = nil,
        _ change: @Sendable (inout InstanceDefinition) -> Void
    ) throws(RegistryError) {
        let key = try definitionKey(id, parent)
        guard var definition = definitions[key] else { throw .life(id, .gone) }
        change(&definition)
        try keep(try settled(definition, of: key), of: key)
    }

    /// Forgets the definitions of `id`, or that with `parent`; an instance that is active stays
    /// until it is stopped.
    ///
    /// - Parameter withContents: whether what it has written goes, too; not while it is active.
    public func undefine(
        _ id: InstanceID, of parent: String? = nil, withContents: Bool = false
    ) throws(RegistryError) {
        let keys = definitions.keys.filter { $0.id == id && (parent ?? $0.parent) == $0.parent }
        guard !keys.isEmpty else { throw .life(id, .gone) }
        if withContents, active[id] != nil { throw .life(id, .active) }
        for key in keys.sorted(by: { $0.parent < $1.parent }) {
            if withContents, let definition = definitions[key] {
                let wish = InstanceWish(definition, key.parent)
                do throws(HostError) {
                    try catalog.forgetContents(of: id, wish)
                } catch { throw .host(error) }
            }
            do throws(HostError) { try keeper.forget(key) } catch { throw .host(error) }
            definitions[key] = nil
            if active[id]?.key == key { try take(.undefine, id) }
        }
    }

    private func keep(
        _ definition: InstanceDefinition, of key: DefinitionKey
    ) throws(RegistryError) {
        do throws(HostError) { try keeper.keep(definition, of: key) } catch { throw .host(error) }
        definitions[key] = definition
    }

    private func settled(
        _ definition: InstanceDefinition, of key: DefinitionKey
    ) throws(RegistryError) -> InstanceDefinition {
        _ = try type(definition.type, of: try self.parent(key.parent))
        var settled = definition
        settled.attributes = try catalog.settle(
            InstanceWish(definition, key.parent), beside: others(than: key))
        return settled
    }

    /// Keeps what a definition must have to be the same device the next time.
    private func keepSettled(
        _ attributes: [InstanceDefinition.Attribute], of key: DefinitionKey
    ) throws(RegistryError) {
        guard var definition = definitions[key], definition.attributes != attributes else { return }
        definition.attributes = attributes
        try keep(definition, of: key)
    }

    /// Every other instance of the parent of `key`.
    private func others(than key: DefinitionKey) -> [InstanceWish] {
        let defined = definitions.filter { $0.key.parent == key.parent && $0.key != key }
            .map { InstanceWish($0.value, key.parent) }
        let transient = active.values.filter {
            $0.key.parent == key.parent && $0.key != key && definitions[$0.key] == nil
        }
        return defined
            + transient.map {
                InstanceWish(
                    parent: key.parent, type: $0.type.name, attributes: $0.attributes)
            }
    }

    // MARK: Active life

    /// Starts the slice `id` as it is defined. With `parent` and `type` it need not be defined; it
    /// is gone then when it is stopped.
    public func start(
        _ id: InstanceID, of parent: String? = nil, type: String? = nil,
        attributes: [InstanceDefinition.Attribute] = []
    ) async throws(RegistryError) {
        if active[id] != nil { throw .life(id, .active) }
        forgetWaiting(id)
        let offer: InstanceOffer
        var life: LifeCycle
        if let parent, let type {
            offer = try self.offer(id, of: parent, type, attributes)
            let isDefined = definitions[DefinitionKey(parent: parent, id: id)] != nil
            life = isDefined ? .defined : .transient
        } else {
            let key = try definitionKey(id, parent)
            guard let definition = definitions[key] else { throw .life(id, .gone) }
            offer = try self.offer(id, of: key.parent, definition.type, definition.attributes)
            try keepSettled(offer.attributes, of: key)
            life = .defined
        }
        let availability = availability(of: offer.type, offer.parent)
        if availability.count == 0, let limiting = availability.limiting {
            throw .exhausted(
                type: offer.type.name, parent: offer.parent.name, limiting: limiting)
        }
        tokens += 1
        let token = tokens
        try take(.create, in: &life, of: id)
        active[id] = Active(
            token: token, key: DefinitionKey(parent: offer.parent.name, id: id), type: offer.type,
            attributes: offer.attributes, life: life)
        do throws(VFIOUserServer.PlacementError) {
            try await catalog.serve(offer)
        } catch {
            active[id] = nil
            throw .placement(error)
        }
        try await endOpening(id)
        try take(.serve, id)
    }

    private func endOpening(_ id: InstanceID) async throws(RegistryError) {
        active[id]?.isOpening = false
        guard active[id]?.isUnwanted == true else { return }
        _ = try? await catalog.withdraw(id, .now) {}
        active[id] = nil
        throw .life(id, .inactive)
    }

    /// Gives the active slice `id` these attributes, in place of those that it has: while nobody
    /// uses it, for it is offered anew.
    public func modifyActive(
        _ id: InstanceID,
        _ change: @Sendable (inout [InstanceDefinition.Attribute]) -> Void
    ) async throws(RegistryError) {
        guard let instance = active[id] else { throw .life(id, .inactive) }
        var life = instance.life
        try take(.modify, in: &life, of: id)
        guard !instance.isOpening else { throw .life(id, .inactive) }
        var attributes = instance.attributes
        change(&attributes)
        let next = try offer(id, of: instance.key.parent, instance.type.name, attributes)
        let old = try offer(id, of: instance.key.parent, instance.type.name, instance.attributes)
        active[id]?.isOpening = true
        do throws(VFIOUserServer.WithdrawalError) {
            _ = try await catalog.withdraw(id, .unlessBusy) {}
        } catch {
            active[id]?.isOpening = false
            // Whoever is connected, the table says that it is frozen then.
            try take(.connect, in: &life, of: id)
            try take(.modify, in: &life, of: id)
            throw .life(id, .frozen)
        }
        do throws(VFIOUserServer.PlacementError) {
            try await catalog.serve(next)
        } catch {
            do throws(VFIOUserServer.PlacementError) { try await catalog.serve(old) } catch {
                active[id] = nil
            }
            try await endOpening(id)
            throw .placement(error)
        }
        active[id]?.attributes = next.attributes
        try await endOpening(id)
    }

    /// Ends the active life of `id`. Returns whether it has ended; otherwise it ends when the
    /// client has gone.
    @discardableResult
    public func stop(
        _ id: InstanceID, _ manner: VFIOUserServer.WithdrawalManner = .unlessBusy
    ) async throws(RegistryError) -> Bool {
        forgetWaiting(id)
        guard let instance = active[id] else {
            throw .life(id, definitions.keys.contains { $0.id == id } ? .inactive : .gone)
        }
        if instance.isOpening {
            active[id]?.isUnwanted = true
            return false
        }
        let step: InstanceStep =
            switch manner {
            case .unlessBusy: .stop
            case .whenIdle: .drain
            case .now: .force
            }
        var life = instance.life
        try take(step, in: &life, of: id)
        let isGone: Bool
        do throws(VFIOUserServer.WithdrawalError) {
            let token = instance.token
            isGone = try await catalog.withdraw(id, manner) {
                Task { await self.noteGone(id, token) }
            }
        } catch {
            switch error {
            case .busy:
                life = instance.life
                try take(.connect, in: &life, of: id)
                try take(step, in: &life, of: id)
                throw .life(id, .busy)
            case .noSuchDevice: isGone = true
            }
        }
        guard active[id]?.token == instance.token else { return true }
        if isGone {
            active[id] = nil
        } else if active[id]?.life.state == .serving {
            try take(.connect, id)
            try take(.drain, id)
        }
        return isGone
    }

    /// The client of a slice that drained has gone, and the slice with it.
    private func noteGone(_ id: InstanceID, _ token: Int) {
        if active[id]?.token == token { active[id] = nil }
    }

    private func take(_ step: InstanceStep, _ id: InstanceID) throws(RegistryError) {
        guard var life = active[id]?.life else { return }
        try take(step, in: &life, of: id)
        active[id]?.life = life
    }

    private func take(
        _ step: InstanceStep, in life: inout LifeCycle, of id: InstanceID
    ) throws(RegistryError) {
        do throws(LifeCycle.Refusal) { try life.take(step) } catch { throw .life(id, error) }
    }

    // MARK: Looking up

    private func offer(
        _ id: InstanceID, of parent: String, _ type: String,
        _ attributes: [InstanceDefinition.Attribute]
    ) throws(RegistryError) -> InstanceOffer {
        let parent = try self.parent(parent)
        let type = try self.type(type, of: parent)
        let key = DefinitionKey(parent: parent.name, id: id)
        let wish = InstanceWish(parent: parent.name, type: type.name, attributes: attributes)
        return InstanceOffer(
            id: id, parent: parent, type: type,
            attributes: try catalog.settle(wish, beside: others(than: key)))
    }

    private func parent(_ name: String) throws(RegistryError) -> MediatedParent {
        guard let parent = parents[name] else {
            throw .noSuchParent(name, known: Array(parents.keys))
        }
        return parent
    }

    private func type(
        _ name: String, of parent: MediatedParent
    ) throws(RegistryError) -> InstanceType {
        guard let type = parent.types[name] else {
            throw .noSuchType(name, parent: parent.name, known: Array(parent.types.keys))
        }
        return type
    }

    private func definitionKey(
        _ id: InstanceID, _ parent: String?
    ) throws(RegistryError) -> DefinitionKey {
        let keys = definitions.keys.filter { $0.id == id && (parent ?? $0.parent) == $0.parent }
        guard keys.count == 1, let key = keys.first else {
            if keys.isEmpty { throw .life(id, .gone) }
            throw .ambiguous(id, parents: keys.map(\.parent))
        }
        return key
    }

    private func availability(
        of type: InstanceType, _ parent: MediatedParent
    ) -> TypeAvailability {
        let taken = active.values.filter { $0.key.parent == parent.name }
            .reduce(0) { $0 + $1.type.units }
        return TypeAvailability(
            of: type, unitsLeft: parent.units.map { $0 - taken }, parent.pool.figures)
    }
}

extension InstanceWish {
    fileprivate init(_ definition: InstanceDefinition, _ parent: String) {
        self.init(parent: parent, type: definition.type, attributes: definition.attributes)
    }
}
