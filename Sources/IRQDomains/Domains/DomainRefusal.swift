/// Why a domain did not do what an interrupt needed.
public struct DomainRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The domains of a chain, from the device to the root.
    public enum Domain: String, Sendable, CaseIterable, Codable {
        /// Interrupts of the parent's function: table entries, messages, slots, causes of its pin.
        case device
        /// Numbers that a guest asks its hypervisor for.
        case paravirtual
        /// Entries of an interrupt remapping table.
        case remapping
        /// Vectors of processors.
        case vector
        /// Routes (GSIs) of a virtual machine.
        case route
        /// Eventfds.
        case event

        /// What it hands out, in the plural.
        public var resource: String {
            switch self {
            case .device: "interrupts of the function"
            case .paravirtual: "numbers"
            case .remapping: "remapping entries"
            case .vector: "processor vectors"
            case .route: "routes"
            case .event: "event descriptors"
            }
        }
    }

    /// What was attempted.
    public enum Action: String, Sendable, CaseIterable {
        case allocate, activate
    }

    /// Where it failed.
    public let domain: Domain
    /// What was attempted there.
    public let action: Action
    /// How many there are.
    public let limit: Int
    /// How many are in use.
    public let inUse: Int
    /// How many interrupts each holder has in the chain.
    public let holders: [String: Int]

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch domain {
        case .device: "DOMAIN-DEVICE"
        case .paravirtual: "DOMAIN-PARAVIRTUAL"
        case .remapping: "DOMAIN-REMAPPING"
        case .vector: "DOMAIN-VECTOR"
        case .route: "DOMAIN-ROUTE"
        case .event: "DOMAIN-EVENT"
        }
    }

    /// In words, without the code.
    public var sentence: String {
        let names = holders.sorted { $0.key < $1.key }.map { "\($0.key) holds \($0.value)" }
        let who = names.isEmpty ? "nobody holds any" : names.joined(separator: ", ")
        return "could not \(action.rawValue) in the \(domain.rawValue) domain: "
            + "\(inUse) of \(limit) \(domain.resource) are in use; \(who)"
    }

    /// In words, for logs and reports.
    public var description: String { "\(sentence) [\(code)]" }
}
