public import PlatformTypes

/// How a driver broke a virtqueue; the device then needs a reset (virtio 1.2 §2.1.1).
public enum VirtqueueFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Guest memory could not be reached.
    case memory(DMAFault)
    /// A descriptor index lies beyond the queue.
    case descriptorIndex(UInt16)
    /// A chain is longer than the queue, so it has a loop.
    case loop
    /// More buffers became available than the queue has.
    case availableIndex(UInt16)
    /// A descriptor asks for a feature that was not negotiated.
    case flags(UInt16)
    /// A chain is no request of the device's type.
    case request
    /// A buffer wraps around the end of the address space.
    case addressOverflow

    /// The fault's name in traces and reports.
    public var name: String {
        switch self {
        case .memory(let fault): "memory-\(fault.rawValue)"
        case .descriptorIndex: "descriptor-index"
        case .loop: "descriptor-loop"
        case .availableIndex: "available-index"
        case .flags: "descriptor-flags"
        case .request: "malformed-request"
        case .addressOverflow: "address-overflow"
        }
    }

    /// The name.
    public var description: String { name }
}
