import MediatedDevices
import VFIOUserServer

/// Answers verbs about slices.
struct SliceDesk: Sendable {
    let registry: SliceRegistry
    let catalog: SliceCatalog
    let server: VFIOUserServer

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
        case .define:
            let id = try id(request.uuid)
            try await registry.define(id, of: request.parent ?? "", as: definition(of: request))
            document.uuid = id.description
        case .undefine:
            try await registry.undefine(
                try id(request.uuid), of: request.parent,
                withContents: request.removeStorage == true)
        case .modify: try await modify(request)
        case .start:
            let id = try id(request.uuid)
            try await registry.start(
                id, of: request.parent, type: request.type, attributes: request.attributes ?? [])
            document.uuid = id.description
        case .stop:
            let manner: VFIOUserServer.WithdrawalManner =
                request.force == true ? .now : request.drain == true ? .whenIdle : .unlessBusy
            document.isGone = try await registry.stop(try id(request.uuid), manner)
        }
        return document
    }

    private func definition(of request: SliceRequest) -> InstanceDefinition {
        InstanceDefinition(
            type: request.type ?? "", start: request.start ?? .manual,
            attributes: request.attributes ?? [])
    }

    private func modify(_ request: SliceRequest) async throws(RegistryError) {
        let id = try id(request.uuid)
        let change = request.change
        if request.isLive == true {
            guard let change else { return }
            return try await registry.modifyActive(id) { change.apply(to: &$0) }
        }
        if let change { try check(change, await registry.slices.first { $0.key.id == id }) }
        try await registry.modify(id, of: request.parent) { definition in
            if let type = request.type { definition.type = type }
            if let start = request.start { definition.start = start }
            change?.apply(to: &definition.attributes)
        }
    }

    private func check(
        _ change: SliceRequest.AttributeChange, _ slice: SliceRegistry.Slice?
    ) throws(RegistryError) {
        let count = slice?.definition?.attributes.count ?? 0
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
