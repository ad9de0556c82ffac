public import LinuxKernel

/// How a machine came to its end.
public enum MachineEnd: Sendable, CustomStringConvertible {
    /// A payload has given its verdict; 0 is success.
    case verdict(UInt32)
    /// The guest has switched it off.
    case poweredOff
    /// The guest has reset it; a machine runs once.
    case reset
    /// `stop` was called.
    case stopped
    /// A processor has shut down, as after a triple fault.
    case shutdown(processor: Int, at: UInt64?)
    /// The kernel cannot go on with a processor.
    case stuck(processor: Int, at: UInt64?, reason: String)
    /// The host refused to run a processor.
    case failed(HostError)

    /// A stable word for reports.
    public var word: String {
        switch self {
        case .verdict(0): "passed"
        case .verdict: "failed"
        case .poweredOff: "powered-off"
        case .reset: "reset"
        case .stopped: "stopped"
        case .shutdown: "shutdown"
        case .stuck: "stuck"
        case .failed: "host"
        }
    }

    /// A stable identifier where the end is a failure of the guest's; nil otherwise.
    public var code: String? {
        switch self {
        case .shutdown: "VM-SHUTDOWN"
        case .stuck: "VM-STUCK"
        case .failed, .verdict, .poweredOff, .reset, .stopped: nil
        }
    }

    /// In words, for logs and reports.
    public var description: String {
        switch self {
        case .verdict(0): "the payload passed"
        case .verdict(let number): "the payload failed with verdict 0x\(String(number, radix: 16))"
        case .poweredOff: "the guest powered off"
        case .reset: "the guest reset the machine"
        case .stopped: "the machine was stopped"
        case .shutdown(let processor, let address):
            "processor \(processor) shut down\(Self.place(address)), as after a triple fault; "
                + "its interrupt or page tables are wrong [VM-SHUTDOWN]"
        case .stuck(let processor, let address, let reason):
            "KVM cannot go on with processor \(processor)\(Self.place(address)): \(reason) "
                + "[VM-STUCK]"
        case .failed(let error): error.description
        }
    }

    private static func place(_ address: UInt64?) -> String {
        address.map { " at 0x\(String($0, radix: 16))" } ?? ""
    }
}
