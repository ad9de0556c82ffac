import CLinuxUAPI
public import LinuxKernel

/// /dev/kvm: what the kernel's virtualization can do, and where machines come from.
public struct KVMSystem: ~Copyable, Sendable {
    private let node: OwnedDescriptor

    /// Opens the node.
    ///
    /// - Throws: `KVM-NODE` if there is none, it is not this user's, or it is not KVM.
    public init(path: String = "/dev/kvm") throws(HostError) {
        try HostFaults.meet(.kvmNode, "open", path)
        // SAFETY: the shim reads the string only during the call.
        let opened = unsafe uapi_open_device(path)
        let node = OwnedDescriptor(adopting: try HostError.check(opened, .kvmNode, "open", path))
        let version = try HostError.check(
            uapi_kvm_api_version(node.raw), .kvmNode, "ask for the version of", path)
        // The version has been 12 since Linux 2.6.22, and the documentation says to refuse others.
        guard version == 12 else {
            throw HostError(
                .kvmNode, "use", path, errno: Self.unsupported,
                advice: "It has version \(version) of the interface, and 12 is needed.")
        }
        self.node = node
    }

    /// What the kernel answers for a capability: 0 if it lacks it, otherwise a number that the
    /// capability defines.
    public func value(of capability: KVMCapability) -> Int {
        max(Int(uapi_kvm_extension(node.raw, capability.number)), 0)
    }

    /// Throws unless the kernel has every one of `capabilities`.
    ///
    /// - Throws: `KVM-CAPABILITY`, naming the first that is missing.
    public func require(_ capabilities: [KVMCapability]) throws(HostError) {
        for capability in capabilities {
            try HostFaults.meet(.kvmCapability, "use", capability.description)
            guard value(of: capability) > 0 else {
                throw HostError(
                    .kvmCapability, "use", capability.description, errno: Self.unsupported)
            }
        }
    }

    /// Makes a machine without memory, processors or interrupt chips.
    public func makeVM() throws(HostError) -> VMFile {
        try HostFaults.meet(.kvmMachine, "make", "a virtual machine")
        let made = try HostError.check(
            uapi_kvm_create_vm(node.raw), .kvmMachine, "make", "a virtual machine")
        return VMFile(
            OwnedDescriptor(adopting: made),
            capabilities: Dictionary(
                uniqueKeysWithValues: KVMCapability.allCases.map { ($0, value(of: $0)) }))
    }

    /// Makes processor `id` of `count` of a machine, with every feature that the kernel supports.
    ///
    /// - Throws: `KVM-PROCESSOR`.
    public func makeVCPU(
        _ id: Int, of count: Int, in machine: VMFile
    ) throws(HostError) -> VCPUFile {
        let size = try HostError.check(
            uapi_kvm_run_bytes(node.raw), .kvmProcessor, "size", "processor \(id)")
        let vcpu = try VCPUFile(id, in: machine, runBytes: Int(size))
        try HostFaults.meet(.kvmProcessor, "give features to", "processor \(id)")
        let set = uapi_kvm_set_features(node.raw, vcpu.raw, UInt32(id), UInt32(count))
        _ = try HostError.check(set, .kvmProcessor, "give features to", "processor \(id)")
        return vcpu
    }

    /// EOPNOTSUPP.
    private static let unsupported: CInt = 95
}

/// What a kernel may or may not be able to do (KVM_CHECK_EXTENSION).
public enum KVMCapability: String, Sendable, CaseIterable, CustomStringConvertible {
    /// Local APICs, I/O APIC and PIC in the kernel.
    case chip = "KVM_CAP_IRQCHIP"
    /// Local APICs in the kernel, the others in the program.
    case splitChip = "KVM_CAP_SPLIT_IRQCHIP"
    /// A table of routes; its value is how many there can be.
    case routes = "KVM_CAP_IRQ_ROUTING"
    /// Eventfds that raise interrupts.
    case irqfd = "KVM_CAP_IRQFD"
    /// Level-triggered ones that tell of their end.
    case resample = "KVM_CAP_IRQFD_RESAMPLE"
    /// Eventfds that a guest's writes signal.
    case ioeventfd = "KVM_CAP_IOEVENTFD"
    /// Messages without a route.
    case messages = "KVM_CAP_SIGNAL_MSI"
    /// Destinations of 32 bits.
    case x2apic = "KVM_CAP_X2APIC_API"
    /// A run that ends at once when told to.
    case immediateExit = "KVM_CAP_IMMEDIATE_EXIT"
    /// Memory of the program as the guest's.
    case userMemory = "KVM_CAP_USER_MEMORY"

    /// The number in `linux/kvm.h`.
    var number: CInt {
        switch self {
        case .chip: KVM_CAP_IRQCHIP
        case .splitChip: KVM_CAP_SPLIT_IRQCHIP
        case .routes: KVM_CAP_IRQ_ROUTING
        case .irqfd: KVM_CAP_IRQFD
        case .resample: KVM_CAP_IRQFD_RESAMPLE
        case .ioeventfd: KVM_CAP_IOEVENTFD
        case .messages: KVM_CAP_SIGNAL_MSI
        case .x2apic: KVM_CAP_X2APIC_API
        case .immediateExit: KVM_CAP_IMMEDIATE_EXIT
        case .userMemory: KVM_CAP_USER_MEMORY
        }
    }

    /// Its name in `linux/kvm.h`.
    public var description: String { rawValue }
}
