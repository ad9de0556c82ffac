import DeviceModels
import IRQDomains
import LinuxKernel
import MediatedDevices
import Synchronization
import VFIOUserServer

/// The program's devices as slices, and where each is offered.
final class SliceCatalog: DeviceCatalog {
    /// An attribute that every slice can have.
    enum Attribute: String, CaseIterable {
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

        /// Whether an instance can have it.
        func admits(_ value: String) -> Bool {
            switch self {
            case .rateLimit: RateLimitOption(argument: value) != nil
            case .trace: Int(value).map { (0...1_000_000).contains($0) } ?? false
            case .affinity: CPUSet(value) != nil
            case .socketMode: UInt32(value, radix: 8).map { $0 <= 0o777 } ?? false
            case .socketOwner: Accounts.user(value) != nil
            case .socketGroup: Accounts.group(value) != nil
            }
        }
    }

    private let server: VFIOUserServer
    private let directory: String
    private let devices: [String: [String: ServeCommand.Device]]
    private let offered = Mutex<[String: DevicePlacement]>([:])

    /// - Parameters:
    ///   - directory: where sockets are made.
    ///   - devices: which device is behind each type of each parent.
    init(
        server: VFIOUserServer, directory: String,
        devices: [String: [String: ServeCommand.Device]]
    ) {
        self.server = server
        self.directory = directory
        self.devices = devices
    }

    /// What is offered now, by name.
    var placements: [DevicePlacement] {
        offered.withLock { $0.values.sorted { $0.name < $1.name } }
    }

    /// Where the slice's clients connect.
    func socketPath(_ id: InstanceID) -> String { "\(directory)/\(id).sock" }

    func check(
        _ attributes: [InstanceDefinition.Attribute], of type: InstanceType
    ) throws(RegistryError) {
        for attribute in attributes {
            guard let known = Attribute(rawValue: attribute.name) else {
                let names = Attribute.allCases.map(\.rawValue).joined(separator: ", ")
                throw .attribute(name: attribute.name, reason: "there is none; there is \(names)")
            }
            guard known.admits(attribute.value) else {
                throw .attribute(
                    name: attribute.name, reason: "it cannot be \"\(attribute.value)\"")
            }
        }
    }

    func serve(_ offer: InstanceOffer) async throws(VFIOUserServer.PlacementError) {
        let placement = placement(of: offer)
        let device = devices[offer.parent.name]?[offer.type.name]
        let limit = offer.type.budget.limit
        switch device {
        case .virtioRNG:
            try await server.serve(placement) {
                VirtioPCI(VirtioRNG(source: KernelEntropy()), vectors: limit)
            }
        case .interruptTester:
            guard let tester = try? InterruptTester(.init(vectors: min(limit, 2048), messages: nil))
            else { preconditionFailure("a tester has 0 to 2048 vectors") }
            try await server.serve(placement) { tester }
        case nil: preconditionFailure("each type has a device behind it")
        }
        offered.withLock { $0[offer.name] = placement }
    }

    func withdraw(
        _ id: InstanceID, _ manner: VFIOUserServer.WithdrawalManner,
        later: @escaping @Sendable () -> Void
    ) async throws(VFIOUserServer.WithdrawalError) -> Bool {
        let isGone = try await server.withdraw(id.description, manner) { [self] in
            forget(id)
            later()
        }
        if isGone { forget(id) }
        return isGone
    }

    private func forget(_ id: InstanceID) {
        offered.withLock { $0[id.description] = nil }
    }

    private func placement(of offer: InstanceOffer) -> DevicePlacement {
        func value(_ name: Attribute) -> String? {
            offer.attributes.last { $0.name == name.rawValue }?.value
        }
        var placement = DevicePlacement(
            name: offer.name, socketPath: socketPath(offer.id), parent: offer.parent.pool,
            budget: offer.type.budget,
            traceCapacity: value(.trace).flatMap { Int($0) } ?? 0)
        placement.rateLimit = value(.rateLimit).flatMap { RateLimitOption(argument: $0)?.limit }
        placement.access = SocketAccess(
            mode: value(.socketMode).flatMap { UInt32($0, radix: 8) } ?? 0o600,
            owner: value(.socketOwner).flatMap { Accounts.user($0) },
            group: value(.socketGroup).flatMap { Accounts.group($0) })
        placement.affinity = value(.affinity).flatMap { CPUSet($0) }.map { VectorAffinity($0) }
        return placement
    }
}
