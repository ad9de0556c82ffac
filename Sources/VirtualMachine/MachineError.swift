public import IRQDomains
public import LinuxKernel
public import MachineModels
public import VFIOUserClient

/// Why a machine could not be made, or a device not be added.
public enum MachineError: Error, Sendable, CustomStringConvertible {
    /// The host refused something.
    case host(HostError)
    /// The device's vectors or routes are not to be had.
    case vectors(device: String, VectorRefusal)
    /// The device's server does not do what it should.
    case client(device: String, ClientError)
    /// The kernel or payload cannot be loaded.
    case image(path: String, ImageRefusal)
    /// Every slot is taken, or the one that was asked for is.
    case slot(device: String)
    /// No addresses are left for the device's BARs.
    case addresses(device: String)

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .host(let error): error.code.description
        case .vectors(_, let refusal): refusal.code
        case .client(_, let error): error.code
        case .image: "VM-IMAGE"
        case .slot: "VM-SLOT"
        case .addresses: "VM-ADDRESSES"
        }
    }

    /// In words, for logs and reports.
    public var description: String {
        switch self {
        case .host(let error): error.description
        case .vectors(let device, let refusal): "device \(device): \(refusal)"
        case .client(let device, let error): "device \(device): \(error)"
        case .image(let path, let refusal):
            "\(path) cannot be loaded: \(refusal.detail) [\(code)]"
        case .slot(let device):
            "device \(device): no slot of the bus is free for it; a machine has 31 [\(code)]"
        case .addresses(let device):
            "device \(device): no addresses are left for its BARs [\(code)]"
        }
    }
}
