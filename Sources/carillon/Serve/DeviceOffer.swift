import DeviceModels
import MessageSignaledInterrupts
import VFIOUserServer

/// A device that the program offers, and how many vectors it asks its parent for.
enum DeviceOffer {
    case virtioRNG
    case interruptTester(InterruptTester)

    /// Vectors that are enough for the device to refuse nothing.
    var vectors: Int {
        switch self {
        case .virtioRNG: 2
        case .interruptTester(let tester):
            max(tester.configuration.vectors, tester.configuration.messages?.messages ?? 0)
                + tester.configuration.slots
        }
    }

    /// Offers it at `placement`.
    func serve(_ placement: DevicePlacement, by server: VFIOUserServer) async throws {
        switch self {
        case .virtioRNG:
            try await server.serve(placement) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
        case .interruptTester(let tester): try await server.serve(placement) { tester }
        }
    }
}
