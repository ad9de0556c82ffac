import DeviceModels
import MessageSignaledInterrupts
import VFIOUserServer

/// A device that the program offers, and how many vectors it asks its parent for.
enum DeviceOffer {
    /// An entropy device whose table shows no more than `vectors`, if that is given.
    case virtioRNG(vectors: Int?)
    case interruptTester(InterruptTester)

    /// Vectors that are enough for the device to refuse nothing.
    var vectors: Int {
        switch self {
        case .virtioRNG(let vectors): min(vectors ?? 2, 2)
        case .interruptTester(let tester):
            max(tester.configuration.vectors, tester.configuration.messages?.messages ?? 0)
                + tester.configuration.slots
        }
    }

    /// Whether it has no way to tell its driver no, so that all must be guaranteed.
    var needsAllVectors: Bool {
        switch self {
        case .virtioRNG: false
        case .interruptTester: true
        }
    }

    /// Offers it at `placement`.
    func serve(_ placement: DevicePlacement, by server: VFIOUserServer) async throws {
        switch self {
        case .virtioRNG(let vectors):
            try await server.serve(placement) {
                VirtioPCI(VirtioRNG(source: KernelEntropy()), vectors: vectors)
            }
        case .interruptTester(let tester): try await server.serve(placement) { tester }
        }
    }
}
