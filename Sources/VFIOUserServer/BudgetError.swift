public import IRQDomains

extension VFIOUserServer {
    /// Why a device's budget was not changed.
    public enum BudgetError: Error, Hashable, Sendable {
        /// There is no device of that name, or the server has stopped.
        case noSuchDevice(String)
        /// A client is connected, whose guest counts upon what it was shown.
        case connected(process: Int32)
        /// The parent does not agree.
        case refused(VectorRefusal)
    }
}

extension VFIOUserServer.BudgetError {
    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .noSuchDevice: "BUDGET-DEVICE"
        case .connected: "BUDGET-CONNECTED"
        case .refused(let refusal): refusal.code
        }
    }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .noSuchDevice(let name): "there is no device \(name)"
        case .connected(let process):
            "a client is connected, process \(process): its guest counts on what it was shown"
        case .refused(let refusal): refusal.sentence
        }
    }
}
