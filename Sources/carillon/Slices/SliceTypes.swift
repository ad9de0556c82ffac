import AcceleratorEngines
import DeviceModels
import IRQDomains
import LinuxKernel
import MediatedDevices
import MessageSignaledInterrupts

/// What is behind each type of each parent.
struct SliceTypes: Sendable {
    /// Where the blocks of a parent's instances are.
    enum Storage: Hashable, Sendable {
        /// A directory with a file for each instance.
        case directory(String)
        /// A file or a block device of which each instance has a part.
        case image(String, capacity: UInt64)
    }

    /// One type.
    struct Entry: Hashable, Sendable {
        let device: ServeCommand.Device
        let limit: Int
        /// Bytes of a block device.
        let size: UInt64
        /// Queues of a block device.
        let queues: Int
        /// What instances of a slice of an accelerator have in common.
        var accelerator: AcceleratorType?
    }

    /// Where consoles have their other ends.
    private let runtimeDirectory: String
    /// Parents some of whose definitions could not be read: who has which part is not known.
    private let unclearParents: Set<String>
    private let types: [String: [String: Entry]]
    private let storage: [String: Storage]
    /// The accelerators behind parents that are some.
    let accelerators: [String: Accelerator]

    init(
        _ types: [String: [String: Entry]], storage: [String: Storage],
        accelerators: [String: Accelerator], runtimeDirectory: String,
        unclearParents: Set<String>
    ) {
        self.accelerators = accelerators
        self.unclearParents = unclearParents
        self.runtimeDirectory = runtimeDirectory
        self.types = types
        self.storage = storage
    }

    func entry(_ wish: InstanceWish) -> Entry {
        guard let entry = types[wish.parent]?[wish.type] else {
            preconditionFailure("each type has a device behind it")
        }
        return entry
    }

    // MARK: Attributes

    /// The attributes that an instance has, with its part of the parent's image if that has one.
    func settle(
        _ wish: InstanceWish, beside others: [InstanceWish]
    ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
        let isBlock = entry(wish).device == .virtioBlock
        let possible = SliceAttribute.all(of: entry(wish).device)
        for attribute in wish.attributes {
            let known = SliceAttribute(rawValue: attribute.name)
            guard let known, possible.contains(known) else {
                let names = possible.map(\.rawValue).joined(separator: ", ")
                throw .attribute(name: attribute.name, reason: "there is none; there is \(names)")
            }
            guard known.admits(attribute.value) else {
                throw .attribute(
                    name: attribute.name, reason: "it cannot be \"\(attribute.value)\"")
            }
        }
        if let type = entry(wish).accelerator { return try settledQueues(wish, type, others) }
        guard isBlock, case .image(let path, let capacity) = storage[wish.parent] else {
            guard wish.value(of: .extent) == nil else {
                throw .attribute(name: "extent", reason: "only parts of an image have one")
            }
            return wish.attributes
        }
        return try placed(wish, beside: others, path, capacity)
    }

    private func settledQueues(
        _ wish: InstanceWish, _ type: AcceleratorType, _ others: [InstanceWish]
    ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
        guard wish.shape(of: type).isPossible else {
            throw .attribute(
                name: "wq_threshold",
                reason: "it is no more than wq_size, which is \(type.entries) if not said")
        }
        return try wish.settled(type, beside: others)
    }

    private func placed(
        _ wish: InstanceWish, beside others: [InstanceWish], _ path: String, _ capacity: UInt64
    ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
        var map = ExtentMap(capacity: capacity)
        for other in others {
            guard let part = other.part else { continue }
            // Two that overlap cannot both be served: the lock of the second is refused.
            _ = map.take(part)
        }
        let size = entry(wish).size
        if let part = wish.part {
            guard UInt64(part.count) == size else {
                throw .attribute(
                    name: "extent", reason: "it has \(part.count) bytes, and \(wish.type) \(size)")
            }
            guard map.take(part) else {
                throw .attribute(
                    name: "extent", reason: "bytes \(part) are not there, or are another slice's")
            }
            return wish.attributes
        }
        guard !unclearParents.contains(wish.parent) else {
            throw .attribute(
                name: "extent",
                reason: "a definition of \(wish.parent) cannot be read, so that nobody knows whose "
                    + "parts are whose: see the log, mend or remove it, and start the server anew")
        }
        guard let part = map.free(size) else {
            throw .attribute(
                name: "extent", reason: "no gap of \(path) has the \(size) bytes of \(wish.type)")
        }
        // Whose blocks these were before is nobody's business.
        do throws(HostError) { try BlockSpace.clear(path, part) } catch { throw .host(error) }
        return wish.attributes + [
            .init(name: SliceAttribute.extent.rawValue, value: "\(part.lowerBound):\(size)")
        ]
    }

    // MARK: Devices

    /// The device of an instance.
    func device(_ id: InstanceID, _ wish: InstanceWish) -> DeviceOffer {
        let entry = entry(wish)
        switch entry.device {
        case .virtioRNG: return .virtioRNG(vectors: entry.limit)
        case .virtioBlock: return .virtioBlock(block(id, wish, entry), vectors: entry.limit)
        case .virtioConsole: return .virtioConsole(console(id, wish), vectors: entry.limit)
        case .interruptTester:
            let tester = try? InterruptTester(
                .init(vectors: min(entry.limit, 2048), messages: nil))
            guard let tester else { preconditionFailure("a tester has 0 to 2048 vectors") }
            return .interruptTester(tester)
        case .accelerator:
            guard let accelerator = accelerators[wish.parent], let type = entry.accelerator else {
                preconditionFailure("a parent of dsa slices is an accelerator")
            }
            return .accelerator(
                accelerator, wish.shape(of: type),
                mapsPortals: wish.value(of: .portals) == "mapped")
        }
    }

    private func console(_ id: InstanceID, _ wish: InstanceWish) -> ConsoleLine.Place {
        let path = "\(runtimeDirectory)/\(id).console"
        return wish.value(of: .console) == "terminal"
            ? .terminal(link: path, wish.access) : .socket(path: path, wish.access)
    }

    private func block(_ id: InstanceID, _ wish: InstanceWish, _ entry: Entry) -> BlockDevice {
        var device: BlockDevice
        switch storage[wish.parent] {
        case .directory(let directory):
            device = BlockDevice(path: Self.file(of: id, in: directory), created: entry.size)
        case .image(let path, _): device = BlockDevice(path: path, part: wish.part)
        case nil: preconditionFailure("a parent of block devices has storage")
        }
        device.isReadOnly = wish.value(of: .readOnly) == "1"
        device.queues = entry.queues
        device.serial = wish.value(of: .serial) ?? String(id.description.prefix(20))
        return device
    }

    /// Removes what an instance has written.
    func forgetContents(of id: InstanceID, _ wish: InstanceWish) throws(HostError) {
        guard types[wish.parent]?[wish.type]?.device == .virtioBlock else { return }
        switch storage[wish.parent] {
        case .directory(let directory):
            try DurableFile.remove(Self.file(of: id, in: directory))
        case .image(let path, _):
            if let part = wish.part { try BlockSpace.clear(path, part) }
        case nil: break
        }
    }

    private static func file(of id: InstanceID, in directory: String) -> String {
        "\(directory)/\(id).img"
    }
}

/// An attribute that slices can have.
enum SliceAttribute: String, CaseIterable {
    /// PER-SECOND or PER-SECOND:BURST.
    case rateLimit = "rate_limit"
    /// Decisions to keep.
    case trace
    /// Processors, as in "0,2-5".
    case affinity
    /// Permission bits of the socket, as in 0660.
    case socketMode = "socket_mode"
    /// Name or number of the user whose socket it is.
    case socketOwner = "socket_owner"
    /// Name or number of its group.
    case socketGroup = "socket_group"
    /// Slices that start by themselves do so in the order of these numbers.
    case startOrder = "start_order"
    /// What a guest reads as the serial number of its disk.
    case serial
    /// 1 for a disk that cannot be written.
    case readOnly = "read_only"
    /// The first byte of a disk in its parent's image, and how many it has, as in 0:1048576.
    case extent
    /// What the other end of a console is: a socket, or a terminal.
    case console
    /// The parent's prepared queues that it has, as in wq0,wq1.
    case queues
    /// Entries of each work queue.
    case queueSize = "wq_size"
    /// Each work queue's priority, 1 to 15.
    case priority = "wq_priority"
    /// Entries of a shared work queue that its limited portal can fill.
    case threshold = "wq_threshold"
    /// Traffic classes A and B, as in 0,1.
    case trafficClasses = "traffic_classes"
    /// 0 for queues that the guest finds set up and cannot change.
    case configurable
    /// Whether portals of dedicated queues are trapped, or mapped by whoever can.
    case portals
    /// 1 for a second socket, UUID.stores, where processors hand in their 64-byte stores.
    case stores

    /// The attributes that instances of a device can have.
    static func all(of device: ServeCommand.Device) -> [SliceAttribute] {
        allCases.filter { attribute in
            switch attribute {
            case .serial, .readOnly, .extent: device == .virtioBlock
            case .console: device == .virtioConsole
            case .queues, .queueSize, .priority, .threshold, .trafficClasses, .configurable,
                .portals,
                .stores:
                device == .accelerator
            default: true
            }
        }
    }

    /// Whether an instance can have it.
    func admits(_ value: String) -> Bool {
        switch self {
        case .rateLimit: RateLimitOption(argument: value) != nil
        case .trace: Int(value).map { (0...1_000_000).contains($0) } ?? false
        case .affinity: CPUSet(value) != nil
        case .socketMode: UInt32(value, radix: 8).map { $0 <= 0o777 } ?? false
        case .socketOwner: Accounts.user(value) != nil
        case .socketGroup: Accounts.group(value) != nil
        case .startOrder: Int(value).map { (0...1_000_000).contains($0) } ?? false
        case .serial: value.utf8.count <= BlockDevice.serialBytes
        case .queues: !value.isEmpty
        case .portals: value == "trapped" || value == "mapped"
        case .readOnly, .configurable, .stores: value == "0" || value == "1"
        case .queueSize, .threshold:
            Int(value).map { (1...DSAConfiguration.mostEntries).contains($0) } ?? false
        case .priority: Int(value).map { (1...15).contains($0) } ?? false
        case .trafficClasses: Self.trafficClasses(value) != nil
        case .console: value == "socket" || value == "terminal"
        case .extent: Self.part(value) != nil
        }
    }
}

extension SliceAttribute {
    /// The classes that two numbers from 0 to 7 name.
    static func trafficClasses(_ value: String) -> DSAConfiguration.TrafficClasses? {
        let numbers = value.split(separator: ",", omittingEmptySubsequences: false)
            .compactMap { Int($0) }
        guard numbers.count == 2, numbers.allSatisfy((0...7).contains) else { return nil }
        return .init(a: numbers[0], b: numbers[1])
    }

    /// The bytes that an extent names.
    static func part(_ value: String) -> Range<UInt64>? {
        let numbers = value.split(separator: ":", omittingEmptySubsequences: false)
            .compactMap { UInt64($0) }
        guard numbers.count == 2, numbers.allSatisfy({ $0 % ByteSize.unit == 0 }),
            numbers[0] <= UInt64(Int.max), numbers[1] <= UInt64(Int.max)
        else { return nil }
        return numbers[0]..<numbers[0] + numbers[1]
    }
}

extension InstanceWish {
    /// Its part of its parent's image, if it has one.
    var part: Range<UInt64>? { value(of: .extent).flatMap { SliceAttribute.part($0) } }

    /// The value of an attribute; of several, the last counts.
    func value(of attribute: SliceAttribute) -> String? {
        attributes.last { $0.name == attribute.rawValue }?.value
    }

    /// Who may use its socket, and its console.
    var access: SocketAccess {
        SocketAccess(
            mode: value(of: .socketMode).flatMap { UInt32($0, radix: 8) } ?? 0o600,
            owner: value(of: .socketOwner).flatMap { Accounts.user($0) },
            group: value(of: .socketGroup).flatMap { Accounts.group($0) })
    }
}
