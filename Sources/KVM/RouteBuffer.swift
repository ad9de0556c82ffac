import CLinuxUAPI
public import LinuxKernel
public import PlatformTypes

/// The routes of a machine as they are handed to the kernel: all of them at once, packed.
///
/// Owned by one user at a time.
@safe  // SAFETY: the pointer never changes; every index is checked against the capacity.
public struct RouteBuffer: ~Copyable, @unchecked Sendable {
    private let routes: UnsafeMutablePointer<kvm_irq_routing>
    /// How many routes it has room for.
    public let capacity: Int

    /// - Throws: `KVM-ROUTES` without memory.
    public init(capacity: Int) throws(HostError) {
        // SAFETY: the shim's allocation is owned from here to deinit.
        guard let made = unsafe uapi_kvm_routes_create(UInt32(capacity)) else {
            throw HostError(.kvmRoutes, "make room for", "\(capacity) routes", errno: 12)
        }
        unsafe routes = made
        self.capacity = capacity
    }

    deinit {
        // SAFETY: nothing else has the pointer.
        unsafe uapi_kvm_routes_free(routes)
    }

    /// Writes a route of `gsi` to `message` at `index`.
    public mutating func set(_ index: Int, gsi: Int, to message: MSIMessage) {
        precondition((0..<capacity).contains(index), "a route lies in the buffer")
        // SAFETY: the index was checked.
        unsafe uapi_kvm_route_message(
            routes, UInt32(index), UInt32(gsi), message.address, message.data)
    }

    /// Writes a route of `gsi` to a pin of a chip in the kernel at `index`.
    public mutating func set(_ index: Int, gsi: Int, toPin pin: Int, of chip: KernelChip) {
        precondition((0..<capacity).contains(index), "a route lies in the buffer")
        // SAFETY: the index was checked.
        unsafe uapi_kvm_route_pin(routes, UInt32(index), UInt32(gsi), chip.rawValue, UInt32(pin))
    }

    /// Copies the route at `source` over the one at `target`.
    public mutating func move(from source: Int, to target: Int) {
        precondition(
            (0..<capacity).contains(source) && (0..<capacity).contains(target),
            "a route lies in the buffer")
        // SAFETY: both were checked.
        unsafe uapi_kvm_route_move(routes, UInt32(target), UInt32(source))
    }

    /// Makes the first `count` routes those of `machine`, in place of all it had. A refusal leaves
    /// the old ones in force.
    ///
    /// - Throws: `KVM-ROUTES`.
    public mutating func commit(_ count: Int, to machine: VMFile) throws(HostError) {
        precondition((0...capacity).contains(count), "routes lie in the buffer")
        try HostFaults.meet(.kvmRoutes, "commit", "\(count) routes")
        // SAFETY: the kernel reads `count` routes, which are there.
        let answer = unsafe uapi_kvm_routes_commit(
            machine.descriptor.raw, routes, UInt32(count))
        _ = try HostError.check(answer, .kvmRoutes, "commit", "\(count) routes")
    }
}

/// A chip in the kernel that routes can lead to (KVM_IRQCHIP_*).
public enum KernelChip: UInt32, Sendable {
    /// The first 8259A, with pins 0...7.
    case firstPIC = 0
    /// The second 8259A.
    case secondPIC = 1
    /// The I/O APIC, with pins 0...23.
    case ioAPIC = 2
}
