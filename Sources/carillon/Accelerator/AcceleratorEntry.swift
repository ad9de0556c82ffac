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
    let sharedEntries: Int?
    let engines: Int?
    let groups: Int?
    /// Host PASIDs by the guest's, both in decimal or with 0x.
    let pasids: [String: String]?
    /// Queues that are set up before slices come: then there are no others for dedicated ones.
    let prepared: [PreparedQueue]?

    static let keys: Set<String> = [
        "dedicatedQueues", "sharedQueues", "entries", "sharedEntries", "engines", "groups",
        "pasids", "prepared",
    ]

    /// What it has; throws what is not possible in words.
    func configuration(of parent: String) throws -> Accelerator.Configuration {
        var configuration = Accelerator.Configuration()
        configuration.dedicatedQueues = dedicatedQueues ?? configuration.dedicatedQueues
        configuration.sharedQueues = sharedQueues ?? configuration.sharedQueues
        configuration.entries = entries ?? configuration.entries
        configuration.sharedEntries = sharedEntries ?? configuration.sharedEntries
        if let prepared { configuration.dedicatedQueues = prepared.count }
        configuration.engines = engines ?? configuration.engines
        configuration.groups = groups ?? configuration.groups
        guard configuration.isPossible else {
            throw CommandFailure(
                "\(parent): an accelerator has 1 to 128 queues, 1 to 65535 entries and at least "
                    + "those of its shared queues, 1 to 64 engines, and no more groups than "
                    + "engines")
        }
        try checkPrepared(of: parent, configuration)
        _ = try translation(of: parent)
        return configuration
    }

    private func checkPrepared(
        of parent: String, _ configuration: Accelerator.Configuration
    ) throws {
        guard let prepared else { return }
        let entries = prepared.reduce(configuration.sharedQueues * configuration.sharedEntries) {
            $0 + $1.entries
        }
        guard dedicatedQueues ?? prepared.count == prepared.count,
            prepared.allSatisfy(\.isPossible), entries <= configuration.entries,
            Set(prepared.map(\.name)).count == prepared.count
        else {
            throw CommandFailure(
                "\(parent): prepared queues are all of its dedicated ones; each has a name of its "
                    + "own, 1 to 1024 entries and a priority from 1 to 15, and there are as many "
                    + "entries in all")
        }
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

/// A queue that its administrator has set up before slices come.
struct PreparedQueue: Codable, Sendable, Hashable {
    let name: String
    let entries: Int
    let priority: Int?
    /// Classes A and B.
    let trafficClasses: [Int]?

    static let keys: Set<String> = ["name", "entries", "priority", "trafficClasses"]

    var isPossible: Bool {
        !name.isEmpty && !name.contains(",")
            && (1...DSAConfiguration.mostEntries).contains(entries)
            && (1...15).contains(priority ?? 1)
            && (trafficClasses.map { $0.count == 2 && $0.allSatisfy((0...7).contains) } ?? true)
    }

    /// Whether a function can have both.
    func isLike(_ other: PreparedQueue) -> Bool {
        entries == other.entries && priority == other.priority
            && trafficClasses == other.trafficClasses
    }
}

/// A type of DSA slices: what is the same for all of them.
struct AcceleratorType: Hashable, Sendable {
    let queues: Int
    let mode: DSAConfiguration.Mode
    let entries: Int
    let translation: PASIDTranslation
    /// The queues that the parent's administrator has set up; nil where slices do that.
    let prepared: [PreparedQueue]?

    /// Queues of a dedicated slice are those that were set up before, if any were.
    var takesPrepared: Bool { prepared != nil && mode == .dedicated }
}

extension InstanceWish {
    /// The names that an attribute lists.
    func names(of attribute: SliceAttribute) -> [String] {
        value(of: attribute)?.split(separator: ",").map { String($0) } ?? []
    }

    /// The attributes with the prepared queues that the slice takes: those that it names, or the
    /// first that are free and alike.
    func settled(
        _ type: AcceleratorType, beside others: [InstanceWish]
    ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
        guard value(of: .portals) != "mapped" || type.mode == .dedicated else {
            throw .attribute(
                name: "portals", reason: "those of a shared queue say whether it is full")
        }
        guard type.takesPrepared else {
            guard value(of: .queues) == nil else {
                throw .attribute(name: "queues", reason: "its parent has no prepared queues")
            }
            return attributes
        }
        for fixed in [SliceAttribute.queueSize, .priority, .trafficClasses]
        where value(of: fixed) != nil {
            throw .attribute(name: fixed.rawValue, reason: "its queues are prepared")
        }
        let taken = Set(others.flatMap { $0.names(of: .queues) })
        let free = (type.prepared ?? []).filter { !taken.contains($0.name) }
        if value(of: .queues) != nil {
            let names = names(of: .queues)
            let named = free.filter { names.contains($0.name) }
            guard names.count == type.queues, named.count == type.queues,
                named.allSatisfy({ $0.isLike(named[0]) })
            else {
                throw .attribute(
                    name: "queues",
                    reason: "they are \(type.queues) prepared queues that are alike and no other "
                        + "slice's")
            }
            return attributes
        }
        for first in free {
            let alike = free.filter { $0.isLike(first) }.prefix(type.queues)
            guard alike.count == type.queues else { continue }
            let names = alike.map(\.name).joined(separator: ",")
            return attributes + [.init(name: SliceAttribute.queues.rawValue, value: names)]
        }
        throw .attribute(
            name: "queues", reason: "no \(type.queues) prepared queues that are alike are free")
    }

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
        guard type.takesPrepared, let name = names(of: .queues).first,
            let queue = type.prepared?.first(where: { $0.name == name })
        else { return shape }
        shape.entries = queue.entries
        shape.priority = queue.priority ?? shape.priority
        if let classes = queue.trafficClasses {
            shape.trafficClasses = .init(a: classes[0], b: classes[1])
        }
        return shape
    }
}
