public import DeviceModels
public import InterruptTrace

/// What became of a served device's interrupts, at one moment. What its function tells is reached
/// as though it were told here.
@dynamicMemberLookup
public struct DeviceReport: Sendable {
    /// The client of a device.
    public struct Client: Hashable, Sendable {
        /// Its process, as the kernel told when it connected.
        public let process: Int32
        /// The name of its profile, once a version is agreed upon.
        public package(set) var profile: String?
    }

    /// The device's name.
    public let name: String
    /// The name of its parent.
    public let parent: String
    /// Who is connected, if somebody is.
    public let client: Client?
    /// What became of each of its interrupts.
    public let function: FunctionReport
    /// Signals that a reset took back before the client saw them.
    public let recalled: UInt64
    /// The kept decisions, oldest first; empty unless the device is traced.
    public let trace: [TraceEvent]

    init<Model: DeviceModel>(of device: ServedDevice<Model>) {
        name = device.name
        parent = device.admission.parentName
        client = device.client
        function = FunctionReport(of: device.endpoint)
        recalled = device.wiring.recalled
        trace = device.endpoint.bus.interrupts.trace?.contents ?? []
    }

    /// What the function tells.
    public subscript<Value>(dynamicMember member: KeyPath<FunctionReport, Value>) -> Value {
        function[keyPath: member]
    }
}
