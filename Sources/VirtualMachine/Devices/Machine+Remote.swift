extension Machine {
    /// Adds a device that another process serves at `socket` (vfio-user).
    @discardableResult
    public func connect(
        _ name: String, slot: Int? = nil, socket: String
    ) throws(MachineError) -> Int {
        throw .slot(device: name)
    }
}
