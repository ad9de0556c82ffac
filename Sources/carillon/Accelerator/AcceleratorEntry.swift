import AcceleratorEngines
import DeviceModels
import MediatedDevices
import MessageSignaledInterrupts

/// An accelerator as a configuration file describes it; what is not said is as `Accelerator` has
/// it.
struct AcceleratorEntry: Codable, Sendable {
    let dedicatedQueues: Int?
    let sharedQueues: Int?
    let entries: Int?
    let engines: Int?
    let groups: Int?
    /// Host PASIDs by the guest's, both in decimal or with 0x.
    let pasids: [String: String]?

    static let keys: Set<String> = [
        "dedicatedQueues", "sharedQueues", "entries", "engines", "groups", "pasids",
    ]

    /// What it has; throws what is not possible in words.
    func configuration(of parent: String) throws -> Accelerator.Configuration {
        var configuration = Accelerator.Configuration()
        configuration.dedicatedQueues = dedicatedQueues ?? configuration.dedicatedQueues
        configuration.sharedQueues = sharedQueues ?? configuration.sharedQueues
        configuration.entries = entries ?? configuration.entries
        configuration.engines = engines ?? configuration.engines
        configuration.groups = groups ?? configuration.groups
        guard configuration.isPossible else {
            throw CommandFailure(
                "\(parent): an accelerator has 1 to 128 queues, 1 to 65535 entries, 1 to 64 "
                    + "engines, and no more groups than engines")
        }
        return configuration
    }

    /// Which host PASID stands for which of the guest.
    func translation(of parent: String) throws -> PASIDTranslation {
        guard let none = PASID(0) else { preconditionFailure("zero is a PASID") }
        var hosts: [PASID: PASID] = [:]
        for (guest, host) in pasids ?? [:] {
            guard let guest = Self.pasid(guest), let host = Self.pasid(host) else {
                throw CommandFailure("\(parent): PASIDs are numbers of 20 bits, as 7 or 0x1f")
            }
            hosts[guest] = host
        }
        return PASIDTranslation(defaultPASID: none, hosts: hosts)
    }

    private static func pasid(_ text: String) -> PASID? {
        let number = text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
        return number.flatMap { PASID($0) }
    }
}

/// A type of DSA slices: what is the same for all of them.
struct AcceleratorType: Hashable, Sendable {
    let queues: Int
    let mode: DSAConfiguration.Mode
    let entries: Int
    let translation: PASIDTranslation
}

extension InstanceWish {
    /// A slice's function: its type, and what its attributes say.
    func shape(of type: AcceleratorType) -> DSAConfiguration {
        func value(_ attribute: SliceAttribute) -> String? { self.value(of: attribute) }
        func number(_ attribute: SliceAttribute) -> Int? { value(attribute).flatMap { Int($0) } }
        var shape = DSAConfiguration(
            queues: type.queues, mode: type.mode,
            entries: number(.queueSize) ?? type.entries, translation: type.translation)
        shape.priority = number(.priority) ?? shape.priority
        shape.threshold = number(.threshold)
        if let classes = value(.trafficClasses).flatMap({ SliceAttribute.trafficClasses($0) }) {
            shape.trafficClasses = classes
        }
        shape.isConfigurable = value(.configurable) != "0"
        return shape
    }
}
