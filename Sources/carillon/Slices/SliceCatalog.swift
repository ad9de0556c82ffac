import DeviceModels
import IRQDomains
import LinuxKernel
import MediatedDevices
import Synchronization
import VFIOUserServer

/// The program's devices as slices, and where each is offered.
final class SliceCatalog: DeviceCatalog {
    private let server: VFIOUserServer
    private let directory: String
    private let types: SliceTypes
    private let onError: @Sendable (String, HostError) -> Void
    private let offered = Mutex<[String: DevicePlacement]>([:])

    /// - Parameters:
    ///   - directory: where sockets are made.
    ///   - types: what is behind each type of each parent.
    ///   - onError: hears what the host refuses an instance of this name later.
    init(
        server: VFIOUserServer, directory: String, types: SliceTypes,
        onError: @escaping @Sendable (String, HostError) -> Void
    ) {
        self.server = server
        self.directory = directory
        self.types = types
        self.onError = onError
    }

    /// What is offered now, by name.
    var placements: [DevicePlacement] {
        offered.withLock { $0.values.sorted { $0.name < $1.name } }
    }

    /// Where the slice's clients connect.
    func socketPath(_ id: InstanceID) -> String { "\(directory)/\(id).sock" }

    /// Where processors hand in stores to the slice, if it has that.
    func storesPath(_ id: InstanceID) -> String { "\(directory)/\(id).stores" }

    func settle(
        _ wish: InstanceWish, beside others: [InstanceWish]
    ) throws(RegistryError) -> [InstanceDefinition.Attribute] {
        try types.settle(wish, beside: others)
    }

    func forgetContents(of id: InstanceID, _ wish: InstanceWish) throws(HostError) {
        try types.forgetContents(of: id, wish)
    }

    func serve(_ offer: InstanceOffer) async throws(VFIOUserServer.PlacementError) {
        let placement = placement(of: offer)
        let name = offer.name
        try await types.device(offer.id, offer.wish).serve(placement, by: server) {
            [onError] error in onError(name, error)
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
        func value(_ attribute: SliceAttribute) -> String? { offer.wish.value(of: attribute) }
        var placement = DevicePlacement(
            name: offer.name, socketPath: socketPath(offer.id), parent: offer.parent.pool,
            budget: offer.type.budget,
            traceCapacity: value(.trace).flatMap { Int($0) } ?? 0)
        placement.rateLimit = value(.rateLimit).flatMap { RateLimitOption(argument: $0)?.limit }
        placement.access = offer.wish.access
        if value(.stores) == "1" { placement.storesPath = storesPath(offer.id) }
        placement.affinity = value(.affinity).flatMap { CPUSet($0) }.map { VectorAffinity($0) }
        return placement
    }
}
