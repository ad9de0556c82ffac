import IRQDomains
import LinuxKernel

extension VFIOUserServer.PlacementError: CustomStringConvertible {
    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .host(let error): error.code.description
        case .vectors(let refusal): refusal.code
        case .storeNotRemapped: "STORE-NOT-REMAPPED"
        case .stopped: "SERVER-STOPPED"
        }
    }

    /// What was attempted, why it failed and what to try, with the code.
    public var description: String {
        switch self {
        case .host(let error): error.description
        case .vectors(let refusal):
            "could not lease the vectors that the device needs: \(refusal)"
        case .storeNotRemapped(let parent):
            "the device has an interrupt message store, and messages of \(parent) are not "
                + "remapped [\(code)]"
        case .stopped: "the server has stopped [\(code)]"
        }
    }
}
