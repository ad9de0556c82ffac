import MediatedDevices
import VFIOUserServer

/// Answers verbs about slices.
struct SliceDesk: Sendable {
    let registry: SliceRegistry
    let catalog: SliceCatalog
    let server: VFIOUserServer
    let callOuts: CallOuts

    /// Starts a slice that is defined, as its verb does.
    func start(_ key: DefinitionKey, _ definition: InstanceDefinition) async throws(RegistryError) {
        let change = CallOuts.Change(
            action: .start, id: key.id, parent: key.parent, definition: definition)
        try await callOuts.around(change) { () async throws(RegistryError) in
            try await registry.start(key.id, of: key.parent)
        }
    }

    func answer(_ request: SliceRequest) async -> ControlReply {
        do throws(RegistryError) {
            return ControlReply(slices: try await document(for: request))
        } catch { return .failed(error.code, error.sentence) }
    }

    private func document(
        for request: SliceRequest
    ) async throws(RegistryError) -> SlicesDocument {
        var document = SlicesDocument()
        switch request.action {
        case .types:
            document.types = try await registry.types(of: request.parent)
                .map { SlicesDocument.Offered($0) }
        case .list: document.slices = await slices()
        case .define: document.uuid = try await define(request)
        case .undefine: try await undefine(request)
        case .modify: try await modify(request)
        case .start: document.uuid = try await start(request)
        case .stop: document.isGone = try await stop(request)
        }
        return document
    }

    private func definition(of request: SliceRequest) -> InstanceDefinition {
        InstanceDefinition(
            type: request.type ?? "", start: request.start ?? .manual,
            attributes: request.attributes ?? [])
    }

    /// Keeps what the request says, or without a type what an active slice is.
    private func define(_ request: SliceRequest) async throws(RegistryError) -> String {
        let id = try id(request.uuid)
        var definition = definition(of: request)
        var parent = request.parent
        if request.type == nil {
            let active = try await known(id, request.parent, else: .inactive) {
                $0.state.isActive
            }
            parent = active.key.parent
            definition.type = active.type
            definition.attributes = active.attributes
        }
        let change = CallOuts.Change(
            action: .define, id: id, parent: parent ?? "", definition: definition)
        try await callOuts.around(change) { () async throws(RegistryError) in
            try await registry.define(id, of: change.parent, as: change.definition)
        }
        return id.description
    }

    private func undefine(_ request: SliceRequest) async throws(RegistryError) {
        let id = try id(request.uuid)
        let defined = await registry.slices.filter {
            $0.key.id == id && $0.definition != nil
                && (request.parent ?? $0.key.parent) == $0.key.parent
        }
        guard !defined.isEmpty else { throw .life(id, .gone) }
        for slice in defined {
            guard let change = CallOuts.Change(.undefine, slice) else { continue }
            try await callOuts.around(change) { () async throws(RegistryError) in
                try await registry.undefine(
                    id, of: change.parent, withContents: request.removeStorage == true)
            }
        }
    }

    private func start(_ request: SliceRequest) async throws(RegistryError) -> String {
        let id = try id(request.uuid)
        var change = CallOuts.Change(
            action: .start, id: id, parent: request.parent ?? "",
            definition: definition(of: request))
        if request.type == nil {
            let slice = try await known(id, request.parent, else: .active) {
                $0.definition != nil
            }
            if let kept = CallOuts.Change(.start, slice) { change = kept }
        }
        try await callOuts.around(change) { () async throws(RegistryError) in
            try await registry.start(
                id, of: request.parent, type: request.type, attributes: request.attributes ?? [])
        }
        return id.description
    }

    private func stop(_ request: SliceRequest) async throws(RegistryError) -> Bool {
        let id = try id(request.uuid)
        let manner: VFIOUserServer.WithdrawalManner =
            request.force == true ? .now : request.drain == true ? .whenIdle : .unlessBusy
        let slice = try await known(id, nil, else: .inactive) { $0.state.isActive }
        let change = CallOuts.Change(
            action: .stop, id: id, parent: slice.key.parent,
            definition: InstanceDefinition(
                type: slice.type, start: slice.definition?.start ?? .manual,
                attributes: slice.attributes))
        return try await callOuts.around(change) { () async throws(RegistryError) in
            try await registry.stop(id, manner)
        }
    }

    /// The one slice `id` that is as asked for; `refusal` if it is there and is not so.
    private func known(
        _ id: InstanceID, _ parent: String?, else refusal: LifeCycle.Refusal,
        _ isWanted: (SliceRegistry.Slice) -> Bool
    ) async throws(RegistryError) -> SliceRegistry.Slice {
        let there = await registry.slices.filter {
            $0.key.id == id && (parent ?? $0.key.parent) == $0.key.parent
        }
        let found = there.filter(isWanted)
        guard found.count < 2 else {
            throw .ambiguous(id, parents: found.map(\.key.parent))
        }
        guard let slice = found.first else { throw .life(id, there.isEmpty ? .gone : refusal) }
        return slice
    }

    private func modify(_ request: SliceRequest) async throws(RegistryError) {
        let id = try id(request.uuid)
        let isLive = request.isLive == true
        let slice = try await known(
            id, request.parent, else: isLive ? .inactive : .gone
        ) { isLive ? $0.state.isActive : $0.definition != nil }
        if let change = request.change {
            try check(change, isLive ? slice.attributes : slice.definition?.attributes ?? [])
        }
        var definition = slice.definition ?? InstanceDefinition(type: slice.type)
        if isLive { definition.attributes = slice.attributes }
        request.apply(to: &definition)
        let change = CallOuts.Change(
            action: .modify, id: id, parent: slice.key.parent, definition: definition)
        try await callOuts.around(change, isLive: isLive) { () async throws(RegistryError) in
            if isLive {
                try await registry.modifyActive(id) { request.change?.apply(to: &$0) }
            } else {
                try await registry.modify(id, of: change.parent) { request.apply(to: &$0) }
            }
        }
    }

    private func check(
        _ change: SliceRequest.AttributeChange, _ attributes: [InstanceDefinition.Attribute]
    ) throws(RegistryError) {
        let count = attributes.count
        let places = change.added == nil ? count : count + 1
        guard places > 0, (0..<places).contains(change.index ?? places - 1) else {
            throw .attribute(
                name: change.index.map { "@\($0)" } ?? "the last",
                reason: "there are \(count) attributes")
        }
    }

    private func slices() async -> [SlicesDocument.Slice] {
        var documents: [SlicesDocument.Slice] = []
        for slice in await registry.slices {
            let isActive = slice.state != .defined
            let client =
                isActive ? await server.report(of: slice.key.id.description)?.client : nil
            documents.append(
                SlicesDocument.Slice(
                    uuid: slice.key.id.description, parent: slice.key.parent, type: slice.type,
                    state: slice.state == .serving && client != nil ? .connected : slice.state,
                    start: slice.definition?.start, attributes: slice.attributes,
                    defined: slice.definition?.attributes,
                    socket: isActive ? catalog.socketPath(slice.key.id) : nil,
                    process: client?.process))
        }
        return documents
    }

    private func id(_ text: String?) throws(RegistryError) -> InstanceID {
        guard let id = InstanceID(text ?? "") else {
            throw .attribute(name: "uuid", reason: "\"\(text ?? "")\" is no UUID")
        }
        return id
    }
}

extension CallOuts.Change {
    /// A change of a slice as it is kept; nil if it is not.
    fileprivate init?(_ action: CallOuts.Action, _ slice: SliceRegistry.Slice) {
        guard let definition = slice.definition else { return nil }
        self.init(
            action: action, id: slice.key.id, parent: slice.key.parent, definition: definition)
    }
}

extension SliceRequest {
    /// Changes `definition` as is asked for.
    fileprivate func apply(to definition: inout InstanceDefinition) {
        if let type { definition.type = type }
        if let start { definition.start = start }
        change?.apply(to: &definition.attributes)
    }
}

extension SliceRequest.AttributeChange {
    /// As mdevctl does it: at an index, or at the end.
    fileprivate func apply(to attributes: inout [InstanceDefinition.Attribute]) {
        if let added {
            attributes.insert(added, at: min(index ?? attributes.count, attributes.count))
        } else if let place = index ?? (attributes.isEmpty ? nil : attributes.count - 1),
            attributes.indices.contains(place)
        {
            attributes.remove(at: place)
        }
    }
}
