/// What is kept of a slice: its type, when it starts and its attributes, in the form of mdevctl.
public struct InstanceDefinition: Hashable, Sendable, Codable {
    /// When it starts.
    public enum Start: String, Hashable, Sendable, CaseIterable, Codable {
        /// With the daemon, or when its parent appears.
        case auto
        /// When somebody says so.
        case manual
    }

    /// An attribute: a name and a value, both text.
    public struct Attribute: Hashable, Sendable, Codable {
        /// Its name.
        public let name: String
        /// Its value.
        public let value: String

        /// An attribute of these parts.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }

        /// An object with one pair, as mdevctl writes it.
        public init(from decoder: any Decoder) throws {
            let pairs = try decoder.singleValueContainer().decode([String: String].self)
            guard pairs.count == 1, let pair = pairs.first else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath,
                        debugDescription: "an attribute is an object with one pair"))
            }
            self.init(name: pair.key, value: pair.value)
        }

        /// An object with one pair.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode([name: value])
        }
    }

    /// The name of its type.
    public var type: String
    /// When it starts.
    public var start: Start
    /// Its attributes, in the order in which they are set.
    public var attributes: [Attribute]

    /// A definition of these parts.
    public init(type: String, start: Start = .manual, attributes: [Attribute] = []) {
        self.type = type
        self.start = start
        self.attributes = attributes
    }

    private enum CodingKeys: String, CodingKey {
        case type = "mdev_type"
        case start
        case attributes = "attrs"
    }

    /// What mdevctl reads: without attributes there is no list of them.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(String.self, forKey: .type)
        start = try container.decodeIfPresent(Start.self, forKey: .start) ?? .manual
        attributes = try container.decodeIfPresent([Attribute].self, forKey: .attributes) ?? []
    }

    /// What mdevctl writes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(start, forKey: .start)
        try container.encode(attributes, forKey: .attributes)
    }

    /// The value of the last attribute called `name`.
    public subscript(name: String) -> String? { attributes.last { $0.name == name }?.value }
}

/// A definition with its place: the same UUID may be defined with several parents, and is active
/// with one at a time.
public struct DefinitionKey: Hashable, Sendable {
    /// The parent's name.
    public let parent: String
    /// The slice.
    public let id: InstanceID

    /// The definition of `id` with `parent`.
    public init(parent: String, id: InstanceID) {
        self.parent = parent
        self.id = id
    }
}
