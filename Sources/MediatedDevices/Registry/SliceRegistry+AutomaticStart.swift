/// Slices that start with the daemon, or when what they need appears.
extension SliceRegistry {
    /// An attempt to start a slice by itself.
    public struct AutomaticStart: Sendable {
        /// Which slice.
        public let key: DefinitionKey
        /// Why it could not be started; nil if it was.
        public let error: RegistryError?
    }

    /// How a slice that starts by itself is started: by the registry alone, or with what its owner
    /// does around that.
    public typealias Starter =
        @Sendable (DefinitionKey, InstanceDefinition) async throws(RegistryError) -> Void

    /// Starts every slice that is defined to start by itself and is not active: by `start_order`,
    /// then by parent and UUID. Those that cannot be wait to be tried again.
    public func startAutomatically(by starter: Starter? = nil) async -> [AutomaticStart] {
        let keys = definitions.filter { $0.value.start == .auto }.map {
            (order: $0.value.startOrder, key: $0.key)
        }
        let inOrder = keys.sorted {
            ($0.order, $0.key.parent, $0.key.id) < ($1.order, $1.key.parent, $1.key.id)
        }
        var starts: [AutomaticStart] = []
        for (_, key) in inOrder where active[key.id] == nil {
            starts.append(await attempt(key, by: starter))
        }
        return starts
    }

    /// Tries again what could not be started. A slice that somebody has started, stopped or
    /// undefined meanwhile waits no longer.
    ///
    /// Returns what is worth a word: starts, and failures for another reason than the last.
    public func retryAutomatically(by starter: Starter? = nil) async -> [AutomaticStart] {
        var news: [AutomaticStart] = []
        let keys = waiting.keys.sorted {
            (definitions[$0]?.startOrder ?? 0, $0.parent, $0.id)
                < (definitions[$1]?.startOrder ?? 0, $1.parent, $1.id)
        }
        for key in keys {
            guard let last = waiting[key], definitions[key]?.start == .auto else {
                waiting[key] = nil
                continue
            }
            let start = await attempt(key, by: starter)
            if start.error?.code != last.code { news.append(start) }
        }
        return news
    }

    /// Nobody waits for `id` any more.
    func forgetWaiting(_ id: InstanceID) {
        for key in waiting.keys where key.id == id { waiting[key] = nil }
    }

    private func attempt(
        _ key: DefinitionKey, by starter: Starter?
    ) async -> AutomaticStart {
        guard let definition = definitions[key] else {
            return AutomaticStart(key: key, error: .life(key.id, .gone))
        }
        do throws(RegistryError) {
            if let starter {
                try await starter(key, definition)
            } else {
                try await start(key.id, of: key.parent)
            }
            return AutomaticStart(key: key, error: nil)
        } catch {
            if definitions[key]?.start == .auto, active[key.id] == nil { waiting[key] = error }
            return AutomaticStart(key: key, error: error)
        }
    }
}

extension InstanceDefinition {
    /// The attribute that says when among others a slice starts by itself; 0 without it.
    public static let startOrderName = "start_order"

    /// Slices start in ascending order.
    public var startOrder: Int {
        attributes.last { $0.name == Self.startOrderName }.flatMap { Int($0.value) } ?? 0
    }
}
