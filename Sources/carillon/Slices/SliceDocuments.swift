import IRQDomains
import MediatedDevices

/// What a verb about slices asks.
struct SliceRequest: Codable, Sendable {
    enum Action: String, Codable, Sendable {
        case types, list, define, undefine, modify, start, stop
    }

    /// A change of the ordered attributes.
    struct AttributeChange: Codable, Sendable {
        /// The attribute that is added; nil to delete one.
        let added: InstanceDefinition.Attribute?
        /// Where; nil for the end.
        let index: Int?
    }

    let action: Action
    var uuid: String?
    var parent: String?
    var type: String?
    var start: InstanceDefinition.Start?
    /// Attributes of a definition that is made or started.
    var attributes: [InstanceDefinition.Attribute]?
    var change: AttributeChange?
    /// Whether a change is of the active slice, and not of its definition.
    var isLive: Bool?
    /// Whether a slice is stopped although a client uses it.
    var force: Bool?
    /// Whether it goes with its client.
    var drain: Bool?
    /// Whether what an undefined slice has written goes with its definition.
    var removeStorage: Bool?
}

/// What the server answers to that; schema 1.
struct SlicesDocument: Codable, Sendable {
    /// A type as a parent offers it now.
    struct Offered: Codable, Sendable {
        let parent: String
        let type: String
        let description: String
        let deviceAPI: String
        let availableInstances: Int
        /// The resource of which there is least: units, guarantees or limits.
        let limiting: String?
        let guarantee: Int
        let limit: Int
        let units: Int

        init(_ offered: SliceRegistry.OfferedType) {
            parent = offered.parent
            type = offered.type.name
            description = offered.type.description
            deviceAPI = InstanceType.deviceAPI
            availableInstances = offered.availability.count
            limiting = offered.availability.limiting?.rawValue
            guarantee = offered.type.budget.guarantee
            limit = offered.type.budget.limit
            units = offered.type.units
        }
    }

    /// A slice that is defined or active.
    struct Slice: Codable, Sendable {
        let uuid: String
        let parent: String
        let type: String
        let state: InstanceState
        /// When it starts; nil if no definition is kept.
        let start: InstanceDefinition.Start?
        let attributes: [InstanceDefinition.Attribute]
        /// The attributes of its definition, if one is kept.
        let defined: [InstanceDefinition.Attribute]?
        /// Where clients connect, while it is active.
        let socket: String?
        /// The process that uses it.
        let process: Int32?

        var isActive: Bool { state.isActive }
    }

    var schema = 1
    var types: [Offered] = []
    var slices: [Slice] = []
    /// The slice that was defined or started.
    var uuid: String?
    /// Whether what was stopped is gone; otherwise it goes with its client.
    var isGone: Bool?
}
