public import LinuxKernel

/// What a machine's owner should know.
public enum MachineEvent: Sendable {
    /// The host refused something; the machine goes on as the error's advice says.
    case host(HostError)
    /// Devices may expect more routes together than nine tenths of those there are.
    case routesNearLimit(expected: Int, capacity: Int)
    /// A device's server is out of reach; its registers read all ones from now on.
    case deviceLost(name: String, reason: String)
}
