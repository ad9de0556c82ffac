import AcceleratorEngines
import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import VFIOUserServer

/// A device that the program offers, and how many vectors it asks its parent for.
enum DeviceOffer: Sendable {
    /// An entropy device whose table shows no more than `vectors`, if that is given.
    case virtioRNG(vectors: Int?)
    /// A block device, likewise.
    case virtioBlock(BlockDevice, vectors: Int?)
    /// A console device, likewise.
    case virtioConsole(ConsoleLine.Place, vectors: Int?)
    case interruptTester(InterruptTester)
    /// A share of an accelerator.
    case accelerator(Accelerator, DSAConfiguration, mapsPortals: Bool)

    /// Vectors that are enough for the device to refuse nothing.
    var vectors: Int {
        switch self {
        case .virtioRNG(let vectors): min(vectors ?? 2, 2)
        case .virtioBlock(let device, let vectors):
            min(vectors ?? device.queues + 1, device.queues + 1)
        case .virtioConsole(_, let vectors): min(vectors ?? 3, 3)
        case .interruptTester(let tester):
            max(tester.configuration.vectors, tester.configuration.messages?.messages ?? 0)
                + tester.configuration.slots
        case .accelerator(_, let shape, _): shape.vectors
        }
    }

    /// Whether it has no way to tell its driver no, so that all must be guaranteed.
    var needsAllVectors: Bool {
        switch self {
        case .virtioRNG, .virtioBlock, .virtioConsole, .accelerator: false
        case .interruptTester: true
        }
    }

    /// Offers it at `placement`.
    ///
    /// - Parameter onError: hears what the host refuses the device later.
    func serve(
        _ placement: DevicePlacement, by server: VFIOUserServer,
        onError: @escaping @Sendable (HostError) -> Void
    ) async throws(VFIOUserServer.PlacementError) {
        switch self {
        case .virtioRNG(let vectors):
            try await server.serve(placement) {
                VirtioPCI(VirtioRNG(source: KernelEntropy()), vectors: vectors)
            }
        case .virtioBlock(let device, let vectors):
            try await server.serve(placement) { () throws(HostError) in
                try device.open(vectors: vectors, onError: onError)
            }
        case .virtioConsole(let place, let vectors):
            try await server.serve(placement) { () throws(HostError) in
                try VirtioPCI(at: place, vectors: vectors)
            }
        case .interruptTester(let tester): try await server.serve(placement) { tester }
        case .accelerator(let accelerator, let shape, let mapsPortals):
            try await server.serve(placement) { () throws(HostError) in
                DSAFunction(
                    shape, engines: try accelerator.share(for: placement.name, shape),
                    portals: mapsPortals ? try MappedPortals(bytes: shape.portalBytes) : nil)
            }
        }
    }
}
