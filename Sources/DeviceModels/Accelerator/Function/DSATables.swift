import MessageSignaledInterrupts
import PlatformTypes

/// The tables of a DSA in BAR 0, as DWORDs: who may use interrupts, groups, and queues.
struct DSATables: Hashable {
    private let configuration: DSAConfiguration
    /// Interrupt permissions, 2 DWORDs a vector.
    private var permissions: [UInt32]
    /// The one group, 16 DWORDs.
    private var group: [UInt32]
    /// Queues, 8 DWORDs each.
    private var queues: [UInt32]

    init(_ configuration: DSAConfiguration) {
        self.configuration = configuration
        permissions = Array(repeating: 0, count: configuration.vectors * 2)
        group = Array(repeating: 0, count: DSALayout.groupBytes / 4)
        queues = Array(repeating: 0, count: configuration.queues * DSALayout.queueBytes / 4)
        reset()
    }

    /// As after power-on.
    mutating func reset() {
        for index in permissions.indices { permissions[index] = 0 }
        for index in group.indices { group[index] = 0 }
        group[Self.groupFlags] =
            UInt32(configuration.trafficClasses.a) | UInt32(configuration.trafficClasses.b) << 3
        if !configuration.isConfigurable {
            group[0] = (1 << UInt32(configuration.queues)) - 1
            group[Self.groupEngines] = UInt32(truncatingIfNeeded: (1 << configuration.engines) - 1)
        }
        for queue in 0..<configuration.queues { reset(queue: queue) }
    }

    /// The queue is set up as it was before a driver came.
    mutating func reset(queue: Int) {
        for dword in 0..<Self.queueDwords { queues[Self.queueDwords * queue + dword] = 0 }
        let isDedicated = configuration.mode == .dedicated
        if !configuration.isConfigurable {
            self[queue, Queue.size] = UInt32(configuration.entries)
        }
        self[queue, Queue.threshold] = UInt32(configuration.threshold ?? configuration.entries)
        self[queue, Queue.mode] =
            (isDedicated ? Queue.dedicated : 0) | UInt32(configuration.priority) << 4
        self[queue, Queue.shifts] =
            UInt32(DSACapabilities.maximumTransferShift)
            | UInt32(DSACapabilities.maximumBatchShift) << 5
    }

    private static let queueDwords = DSALayout.queueBytes / 4
    private static let groupEngines = 8
    private static let groupFlags = 10

    /// DWORDs of a queue, and bits of them.
    private enum Queue {
        static let size = 0
        static let threshold = 1
        static let mode = 2
        static let shifts = 3
        static let occupancy = 6
        static let dedicated: UInt32 = 1 << 0
        static let blockOnFault: UInt32 = 1 << 1
        static let pasidEnable: UInt32 = 1 << 28
        /// What a driver can change in each.
        static let writable: [8 of UInt32] = [0xffff, 0xffff, 0x3fff_ffff, 0x1ff, 0, 0, 0, 0]
    }

    private subscript(queue: Int, dword: Int) -> UInt32 {
        get { queues[Self.queueDwords * queue + dword] }
        set { queues[Self.queueDwords * queue + dword] = newValue }
    }

    // MARK: Accesses

    /// A DWORD of a table.
    enum Place: Hashable {
        case permission(Int)
        case group(Int)
        case queue(Int, dword: Int)
    }

    /// What lies at `offset` of BAR 0, a multiple of 4; nil if no table does.
    func place(at offset: Int) -> Place? {
        let index = (offset % DSALayout.unit) / 4
        switch offset / DSALayout.unit * DSALayout.unit {
        case DSALayout.permissions: return index < permissions.count ? .permission(index) : nil
        case DSALayout.groups: return index < group.count ? .group(index) : nil
        case DSALayout.queues:
            return index < queues.count
                ? .queue(index / Self.queueDwords, dword: index % Self.queueDwords) : nil
        default: return nil
        }
    }

    func read(_ place: Place) -> UInt32 {
        switch place {
        case .permission(let index): permissions[index]
        case .group(let index): group[index]
        case .queue(let queue, let dword): self[queue, dword]
        }
    }

    /// Stores `value` as far as the place can be written. While the device or the queue is enabled
    /// the owner does not call this for what is then fixed.
    mutating func write(_ value: UInt32, to place: Place) {
        switch place {
        case .permission(let index):
            permissions[index] = index % 2 == 0 ? value & Permission.writable : 0
        case .group(let index):
            if configuration.isConfigurable { group[index] = value & Self.groupMask(index) }
        case .queue(let queue, let dword):
            // Of a queue that is set up, the PASID is still the driver's (bits 8 to 28).
            let fixed: UInt32 =
                configuration.isConfigurable ? 0 : dword == Queue.mode ? ~0x1fff_ff00 : .max
            let mask = Queue.writable[dword] & ~fixed
            self[queue, dword] = self[queue, dword] & ~mask | value & mask
        }
    }

    private static func groupMask(_ index: Int) -> UInt32 {
        switch index {
        case 0..<8, groupEngines, groupEngines + 1: .max
        // Traffic classes, the limit of read buffers, and how many are reserved and allowed.
        case groupFlags: 0x0ff0_ffbf
        default: 0
        }
    }

    // MARK: What they say

    func size(of queue: Int) -> Int { Int(self[queue, Queue.size] & 0xffff) }

    func threshold(of queue: Int) -> Int { Int(self[queue, Queue.threshold] & 0xffff) }

    func priority(of queue: Int) -> Int { Int(self[queue, Queue.mode] >> 4 & 0xf) }

    func isDedicated(_ queue: Int) -> Bool { self[queue, Queue.mode] & Queue.dedicated != 0 }

    func blocksOnFault(_ queue: Int) -> Bool { self[queue, Queue.mode] & Queue.blockOnFault != 0 }

    /// The guest's PASID of all descriptors of `queue`, if it has one.
    func pasid(of queue: Int) -> PASID? {
        let value = self[queue, Queue.mode]
        return value & Queue.pasidEnable == 0 ? nil : PASID(value >> 8 & 0xf_ffff)
    }

    func transferShift(of queue: Int) -> Int { Int(self[queue, Queue.shifts] & 0x1f) }

    func batchShift(of queue: Int) -> Int { Int(self[queue, Queue.shifts] >> 5 & 0xf) }

    /// Queues of the group, a bit each.
    var groupQueues: UInt64 { UInt64(group[0]) | UInt64(group[1]) << 32 }

    /// Whether the group names queues beyond the first 64.
    var hasFurtherQueues: Bool { group[2..<8].contains { $0 != 0 } }

    /// Engines of the group, a bit each.
    var groupEngineBits: UInt64 {
        UInt64(group[Self.groupEngines]) | UInt64(group[Self.groupEngines + 1]) << 32
    }

    /// Read buffers that the group reserves.
    var reservedReadBuffers: Int { Int(group[Self.groupFlags] >> 8 & 0xff) }

    private enum Permission {
        static let ignore: UInt32 = 1 << 2
        static let pasidEnable: UInt32 = 1 << 3
        static let writable: UInt32 = 0xffff_f00c
    }

    /// Who may use the interrupt of `vector`.
    func permission(
        of vector: Int, _ translation: PASIDTranslation
    ) -> InterruptHandles.Permission {
        let value = permissions[2 * vector]
        if value & Permission.ignore != 0 { return .anybody }
        guard value & Permission.pasidEnable != 0 else { return .withoutPASID }
        guard let host = PASID(value >> 12).flatMap({ translation.host(for: $0) }) else {
            return .nobody
        }
        return .pasid(host.rawValue)
    }
}
