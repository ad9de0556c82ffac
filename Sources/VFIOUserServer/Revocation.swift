import DeviceModels
public import IRQDomains

extension VFIOUserServer {
    /// Why a device's interrupts were not taken back.
    public enum RevocationError: Error, Hashable, Sendable {
        /// There is no device of that name, or the server has stopped.
        case noSuchDevice(String)
        /// The device has no way to tell its driver.
        case cannotBeTold(device: String)
        /// The parent does not agree to the new limit. The interrupts were taken back.
        case refused(VectorRefusal)
    }

    /// Takes back what backs interrupts of the device called `name` that its driver had asked for,
    /// and has the driver ask again. Returns how many.
    ///
    /// - Parameter limit: how many vectors the device may hold from now on; nil for as many as
    ///   before. Its guarantee shrinks to that.
    public func revokeInterrupts(
        of name: String, limit: Int? = nil
    ) async throws(RevocationError) -> Int {
        let outcome: Result<Int, RevocationError> =
            await ask(name) { $0.revoke(limit) } ?? .failure(.noSuchDevice(name))
        return try outcome.get()
    }
}

extension VFIOUserServer.RevocationError {
    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .noSuchDevice: "REVOKE-DEVICE"
        case .cannotBeTold: "REVOKE-UNTOLD"
        case .refused(let refusal): refusal.code
        }
    }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .noSuchDevice(let name): "there is no device \(name)"
        case .cannotBeTold(let name):
            "\(name) has no way to tell its driver, whose interrupts stay as they are"
        case .refused(let refusal): refusal.sentence
        }
    }
}

extension ServedDevice {
    func revoke(limit: Int?) -> Result<Int, VFIOUserServer.RevocationError> {
        guard let count = endpoint.revokeInterrupts() else {
            return .failure(.cannotBeTold(device: name))
        }
        defer { workOfItself() }
        guard let limit else { return .success(count) }
        do throws(VectorRefusal) {
            // Before the driver asks again, which is after this.
            try admission.change(limit: limit)
            return .success(count)
        } catch { return .failure(.refused(error)) }
    }
}
