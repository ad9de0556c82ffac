public import PlatformTypes

/// What one interrupt of a device holds in each domain of its parent's chain.
public struct HostInterrupt: Hashable, Sendable {
    /// What it holds at the root.
    public enum Root: Hashable, Sendable {
        /// A claim on a processor's vector, and which one while the interrupt is active.
        case vector(VectorDomain.Claim, VectorTarget?)
        /// A route's number.
        case route(Int)
        /// A place among the descriptors.
        case event(Int)
    }

    /// Whose it is.
    public let holder: String
    /// The function whose messages it carries.
    public let requester: RequesterID
    /// The interrupt of the parent's function that signals it; nil where that is a program.
    public internal(set) var source: ParentSource?
    /// Its paravirtual number, where the chain has that domain.
    public internal(set) var paravirtual: Int?
    /// Its remapping entry, where the chain has that domain.
    public internal(set) var remapping: Int?
    /// What it holds at the root.
    public internal(set) var root: Root
    /// Whether it is active.
    public internal(set) var isActive = false

    /// Where it ends; nil where that is decided when it becomes active.
    var destination: HostDestination? {
        switch root {
        case .vector(_, let target): target.map { .vector($0) }
        case .route(let number), .event(let number): .number(number)
        }
    }

    /// The path from the device to the root, for people.
    public var path: String {
        var steps: [String] = []
        if let source { steps.append("\(source)") }
        if let paravirtual { steps.append("paravirtual \(paravirtual)") }
        if let remapping { steps.append("entry \(remapping)") }
        switch root {
        case .vector(_, .some(let target)): steps.append("\(target)")
        case .vector(_, .none): steps.append("no vector yet")
        case .route(let number): steps.append("route \(number)")
        case .event(let number): steps.append("event \(number)")
        }
        return steps.joined(separator: ", ") + (isActive ? "" : " (not active)")
    }
}
