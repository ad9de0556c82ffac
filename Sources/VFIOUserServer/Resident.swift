import DeviceModels
import EventLoops
import IRQDomains
import LinuxKernel

/// What a loop knows of a device that lives on it.
struct Resident {
    let report: () -> DeviceReport
    let excerpt: (UInt64, Int) -> TraceExcerpt
    let changeBudget: (VectorBudget) -> Result<Void, VFIOUserServer.BudgetError>
    let move:
        (VFIOUserServer.GuestInterrupt, CPUSet)
            -> Result<VectorTarget, VFIOUserServer.MoveError>
    let revoke: (Int?) -> Result<Int, VFIOUserServer.RevocationError>
    let client: () -> DeviceReport.Client?
    let drain: (@escaping () -> Void) -> Void
    let close: (DisconnectReason) -> Void
}

/// The devices of one loop, by the number under which they were placed.
private final class Residents {
    var byNumber: [Int: Resident] = [:]
}

extension EventLoop {
    /// The devices that live here, by the number under which they were placed.
    var residents: [Int: Resident] {
        get { (belongings as? Residents)?.byNumber ?? [:] }
        set {
            let residents = belongings as? Residents ?? Residents()
            belongings = residents
            residents.byNumber = newValue
        }
    }
}
