import DeviceModels
import IRQDomains
import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// Our own interrupt tester as a subject.
enum TesterSubject {
    static func make(
        _ name: String, _ configuration: InterruptTester.Configuration
    ) throws -> EndpointSubject<InterruptTester> {
        let endpoint = try PCIEndpoint(
            try InterruptTester(configuration),
            on: DeviceHost(pool: VectorPool(name: "parent", capacity: 2048), holder: name),
            memory: NoMemory())
        func command(
            _ register: TesterRegister
        ) -> EndpointSubject<InterruptTester>.Stimulus {
            { endpoint, source in
                // The device's own doing, not the guest's: Memory Space Enable does not matter.
                endpoint.state(register, source)
            }
        }
        return EndpointSubject(
            name, endpoint, sources: configuration.sources, fires: command(.fire),
            withdraws: command(.acknowledge))
    }

    /// MSI-X and MSI at once, as `carillon serve interrupt-tester` has them.
    static func everything() throws -> EndpointSubject<InterruptTester> {
        try make("carillon", .init(vectors: 4, messages: MSILayout(messages: 4)))
    }
}

extension PCIEndpoint<InterruptTester> {
    fileprivate func state(_ register: TesterRegister, _ source: Int) {
        guard let source = VectorIndex(source) else { return }
        if register == .fire {
            bus.interrupts.assert(source)
        } else {
            bus.interrupts.deassert(source)
        }
    }
}

/// Guest memory of a device that reaches none.
private final class NoMemory: GuestMemory {
    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        throw .unmapped
    }
    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) { throw .unmapped }
    func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 { throw .unmapped }
    func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 { throw .unmapped }
    func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) { throw .unmapped }
    func fullFence() {}
}
