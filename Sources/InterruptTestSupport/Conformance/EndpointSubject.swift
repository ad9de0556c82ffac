public import DeviceModels
import MessageSignaledInterrupts
import PlatformTypes
public import Registers

/// A device model behind a `PCIEndpoint` as a subject: every message bound, nothing in between.
public final class EndpointSubject<Model: DeviceModel>: ConformanceSubject {
    /// States an event of a source, or its end, to the device.
    public typealias Stimulus = (PCIEndpoint<Model>, Int) -> Void

    /// The device's name in reports.
    public let name: String
    /// How many causes can be stated.
    public let sources: Int
    /// Nothing lies there: what is sent to it is kept by its address.
    public let messageArea: UInt64 = 0x10_0000

    private let endpoint: PCIEndpoint<Model>
    private let fires: Stimulus
    private let withdraws: Stimulus?
    private var arrived: [UInt64: [UInt32]] = [:]

    /// The device of `endpoint`, which has just been made and whose vectors are reserved.
    ///
    /// - Parameters:
    ///   - sources: how many causes `fires` can state.
    ///   - fires: states an event of a source.
    ///   - withdraws: states that its cause has ended, if the device can.
    public init(
        _ name: String, _ endpoint: PCIEndpoint<Model>, sources: Int, fires: @escaping Stimulus,
        withdraws: Stimulus? = nil
    ) {
        self.name = name
        self.endpoint = endpoint
        self.sources = sources
        self.fires = fires
        self.withdraws = withdraws
        let interrupts = endpoint.bus.interrupts.function
        for index in 0..<max(interrupts.msix.tableSize, interrupts.msi.messageCount) {
            guard let vector = VectorIndex(index) else { continue }
            endpoint.bus.interrupts.withMSIX { $0.setBound(vector, true, into: &$1) }
            endpoint.bus.interrupts.withMSI { $0.setBound(vector, true, into: &$1) }
        }
        // Nobody emulates the table in front of the subject.
        endpoint.bus.interrupts.withMSIX { $0.setMaskAuthority(.table, into: &$1) }
    }

    /// Reads configuration space.
    public func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        endpoint.readConfig(at: offset, width)
    }

    /// Writes configuration space.
    public func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        endpoint.writeConfig(value, at: offset, width)
        collect()
    }

    /// Reads a register behind a BAR.
    public func readBAR(_ bar: Int, at offset: Int, _ width: AccessWidth) -> UInt64 {
        endpoint.readBAR(BARAccess(bar: bar, offset: offset, width: width))
    }

    /// Writes a register behind a BAR.
    public func writeBAR(_ value: UInt64, _ bar: Int, at offset: Int, _ width: AccessWidth) {
        endpoint.writeBAR(value, BARAccess(bar: bar, offset: offset, width: width))
        collect()
    }

    /// States an event of `source`.
    public func fire(_ source: Int) {
        fires(endpoint, source)
        collect()
    }

    /// States the end of the cause of `source`; false if the device has none.
    public func withdraw(_ source: Int) -> Bool {
        withdraws?(endpoint, source)
        collect()
        return withdraws != nil
    }

    /// Every message to `address` since the last call, oldest first.
    public func takeMessages(at address: UInt64) -> [UInt32] {
        arrived.removeValue(forKey: address) ?? []
    }

    private func collect() {
        for send in endpoint.bus.interrupts.outbox.sends {
            arrived[send.message.address, default: []].append(send.message.data)
        }
        endpoint.bus.interrupts.clearOutbox()
    }
}
