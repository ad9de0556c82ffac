public import InterruptDelivery

/// What a machine has done, at one moment.
public struct MachineFigures: Sendable, Hashable {
    /// Its devices, by their slots.
    public let devices: [DeviceFigures]
    /// Messages that this program sent.
    public let messages: MessageSender.Counts
    /// Events of devices outside this program.
    public let events: EventRouter.Counts
    /// The routes.
    public let routes: RouteTable.Figures
    /// Accesses of processors that nothing answered.
    public let undecodedAccesses: UInt64
}

extension Machine {
    /// What it has done so far.
    public var figures: MachineFigures {
        MachineFigures(
            devices: pci.devices.sorted { $0.key < $1.key }.compactMap { $0.value.figures },
            messages: parts.sender.counts, events: parts.router.counts,
            routes: parts.router.table.figures, undecodedAccesses: bus.undecoded)
    }
}
