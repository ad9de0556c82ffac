import DeviceModels
public import IRQDomains
public import PlatformTypes

extension VFIOUserServer {
    /// An interrupt of a device as its guest sees it, as far as a lease backs it.
    public enum GuestInterrupt: Hashable, Sendable {
        /// A vector of the table, or the message of MSI with that number: one lease backs both.
        case vector(VectorIndex)
        /// A slot of the interrupt message store.
        case slot(VectorIndex)
    }

    /// Why an interrupt was not moved.
    public enum MoveError: Error, Hashable, Sendable {
        /// There is no device of that name, or the server has stopped.
        case noSuchDevice(String)
        /// Nobody receives it now, no lease backs it, or its parent knows no processors.
        case notActive
        /// No processor has a vector left.
        case refused(VectorRefusal)
    }

    /// Has an interrupt of the device called `name` go to a processor of `affinity`, or to another
    /// one if those have no vector left, while it fires or not. Returns where it goes.
    public func move(
        _ interrupt: GuestInterrupt, of name: String, to affinity: CPUSet
    ) async throws(MoveError) -> VectorTarget {
        let outcome: Result<VectorTarget, MoveError> =
            await ask(name) { $0.move(interrupt, affinity) } ?? .failure(.noSuchDevice(name))
        return try outcome.get()
    }
}

extension VFIOUserServer.MoveError {
    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .noSuchDevice: "MOVE-DEVICE"
        case .notActive: "MOVE-IDLE"
        case .refused(let refusal): refusal.code
        }
    }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .noSuchDevice(let name): "there is no device \(name)"
        case .notActive:
            "nobody receives that interrupt now, or its parent knows no processors"
        case .refused(let refusal): refusal.sentence
        }
    }
}

extension ServedDevice {
    func move(
        _ interrupt: VFIOUserServer.GuestInterrupt, to affinity: CPUSet
    ) -> Result<VectorTarget, VFIOUserServer.MoveError> {
        do throws(VectorRefusal) {
            let target =
                switch interrupt {
                case .vector(let vector):
                    try endpoint.bus.interrupts.move(vector, to: affinity)
                case .slot(let slot):
                    try endpoint.bus.interrupts.move(slot: slot, to: affinity)
                }
            return target.map { .success($0) } ?? .failure(.notActive)
        } catch { return .failure(.refused(error)) }
    }
}
