/// Where an active interrupt ends on its host.
public enum HostDestination: Hashable, Sendable {
    /// At a vector of a processor.
    case vector(VectorTarget)
    /// At a route or a descriptor.
    case number(Int)
}
