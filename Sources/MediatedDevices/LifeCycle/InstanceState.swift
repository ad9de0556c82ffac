/// Where an instance is in its life.
public enum InstanceState: String, Hashable, Sendable, CaseIterable, Codable {
    /// Its definition is kept, and it holds nothing of its parent.
    case defined
    /// It has its share of the parent and is being offered.
    case created
    /// Its socket is open and nobody is connected.
    case serving
    /// A client uses it.
    case connected
    /// It goes when its client has gone, and admits no other.
    case draining
    /// It is gone.
    case removed

    /// Whether it holds its share of the parent.
    public var isActive: Bool { self != .defined && self != .removed }
}

/// What can be asked of an instance, or happen to it.
public enum InstanceStep: String, Hashable, Sendable, CaseIterable {
    /// Its definition is kept, or kept anew.
    case define
    /// Its definition is forgotten; if it is active it stays until it is stopped.
    case undefine
    /// An attribute is changed.
    case modify
    /// It takes its share of the parent.
    case create
    /// Its socket opens.
    case serve
    /// A client connects.
    case connect
    /// The client goes.
    case disconnect
    /// It is to go, unless a client uses it.
    case stop
    /// It is to go when its client has gone.
    case drain
    /// It is to go now, whoever uses it.
    case force
}
