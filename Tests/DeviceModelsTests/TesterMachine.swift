import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import Testing

/// A tester behind an endpoint whose BARs answer, and memory that it reaches.
struct TesterMachine {
    let endpoint: PCIEndpoint<InterruptTester>
    let memory = RecordingMemory()

    /// Memory Space and Bus Master are enabled, and nothing is bound.
    init(_ configuration: InterruptTester.Configuration, _ parent: VectorPool) throws {
        endpoint = try PCIEndpoint(
            try InterruptTester(configuration), on: DeviceHost(pool: parent, holder: "tester"),
            memory: memory)
        endpoint.writeConfig(6, at: 4, .word)
    }

    func set(_ register: TesterRegister, _ value: UInt64) {
        endpoint.writeBAR(value, BARAccess(bar: 0, offset: register.rawValue, width: .dword))
    }

    func get(_ register: TesterRegister) -> UInt64 {
        endpoint.readBAR(
            BARAccess(bar: 0, offset: register.rawValue, width: register.layout.width))
    }

    func enableMSIX() throws {
        let offset = try #require(endpoint.description.offset(of: 0x11))
        endpoint.writeConfig(0x8000, at: offset + 2, .word)
    }

    /// The vectors that went out since the last call.
    func sent() -> [Int] {
        defer { endpoint.bus.interrupts.clearOutbox() }
        return endpoint.bus.interrupts.outbox.sends.map(\.vector.index)
    }

    /// The messages of slots that went out since the last call.
    func storeSent() -> [IMSSend] {
        defer { endpoint.bus.interrupts.clearOutbox() }
        return endpoint.bus.interrupts.outbox.storeSends
    }
}
