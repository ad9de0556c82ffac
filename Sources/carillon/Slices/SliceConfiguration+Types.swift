import AcceleratorEngines
import DeviceModels
import IRQDomains
import MediatedDevices

/// What a type's entry in the configuration comes to.
extension SliceConfiguration.TypeEntry {
    func described(by parent: String) throws -> InstanceType {
        guard let limit = limit ?? (device == .accelerator ? (queues ?? 1) + 1 : nil) else {
            throw CommandFailure("\(parent): \(name): limit is missing")
        }
        // Vector 0 of an accelerator's slice is always there.
        let least = device == .accelerator ? 1 : 0
        guard let budget = VectorBudget(guarantee: guarantee ?? least, limit: limit),
            budget.guarantee >= least, units ?? 1 >= 0
        else {
            throw CommandFailure(
                "\(parent): \(name): \(least) ≤ guarantee ≤ limit, and no negative units")
        }
        return InstanceType(
            name: name, description: description ?? device.rawValue, budget: budget,
            units: try consumedUnits(of: parent))
    }

    private func consumedUnits(of parent: String) throws -> Int {
        guard device == .accelerator else {
            return size.flatMap { ByteSize($0)?.units } ?? units ?? 1
        }
        return try mode(of: parent) == .dedicated ? queues ?? 1 : 0
    }

    private func mode(of parent: String) throws -> DSAConfiguration.Mode {
        guard let mode = DSAConfiguration.Mode(rawValue: mode ?? "dedicated") else {
            throw CommandFailure("\(parent): \(name): a mode is dedicated or shared")
        }
        return mode
    }

    func entry(of parent: SliceConfiguration.Parent) throws -> SliceTypes.Entry {
        let type = try described(by: parent.name)
        switch device {
        case .virtioBlock: return try blockEntry(of: parent, limit: type.budget.limit)
        case .accelerator: return try acceleratorEntry(of: parent, limit: type.budget.limit)
        case .virtioRNG, .virtioConsole, .interruptTester:
            guard size == nil, queues == nil, mode == nil, entries == nil else {
                throw CommandFailure(
                    "\(parent.name): \(name): size and queues are of virtio-blk, and queues, mode "
                        + "and entries of dsa")
            }
            return .init(device: device, limit: type.budget.limit, size: 0, queues: 1)
        }
    }

    private func blockEntry(
        of parent: SliceConfiguration.Parent, limit: Int
    ) throws -> SliceTypes.Entry {
        let bytes = size.flatMap { ByteSize($0)?.bytes }
        let hasStorage = parent.directory != nil || parent.image != nil
        guard hasStorage, let bytes, units == nil, mode == nil, entries == nil else {
            throw CommandFailure(
                "\(parent.name): \(name): a virtio-blk has a size, as 512M, 10G or 1T, and its "
                    + "parent a directory or an image")
        }
        guard BlockDevice.queueRange.contains(queues ?? 1) else {
            throw CommandFailure("\(parent.name): \(name): queues are 1 to 64")
        }
        return .init(device: device, limit: limit, size: bytes, queues: queues ?? 1)
    }

    private func acceleratorEntry(
        of parent: SliceConfiguration.Parent, limit: Int
    ) throws -> SliceTypes.Entry {
        guard let accelerator = parent.accelerator, size == nil, units == nil else {
            throw CommandFailure(
                "\(parent.name): \(name): the parent of a dsa is an accelerator, whose queues it "
                    + "takes: it has neither size nor units")
        }
        let mode = try mode(of: parent.name)
        guard mode == .dedicated || queues ?? 1 == 1 && entries == nil else {
            throw CommandFailure(
                "\(parent.name): \(name): a shared slice has one queue, whose entries are the "
                    + "accelerator's sharedEntries")
        }
        let shared = try accelerator.configuration(of: parent.name).sharedEntries
        let type = AcceleratorType(
            queues: queues ?? 1, mode: mode, entries: mode == .shared ? shared : entries ?? 16,
            translation: try accelerator.translation(of: parent.name),
            prepared: accelerator.prepared)
        let shape = DSAConfiguration(
            queues: type.queues, mode: type.mode, entries: type.entries,
            translation: type.translation)
        guard shape.isPossible, limit <= shape.vectors else {
            throw CommandFailure(
                "\(parent.name): \(name): a dsa has 1 to 8 queues of 1 to 1024 entries, and no "
                    + "more vectors than queues and one")
        }
        var entry = SliceTypes.Entry(device: device, limit: limit, size: 0, queues: type.queues)
        entry.accelerator = type
        return entry
    }
}
