import CLinuxUAPI
import Glibc

/// Whether this process can use KVM.
public enum KVMNode {
    /// What became of asking.
    public enum State: Sendable, Hashable {
        /// It answers. The API version has been 12 since Linux 2.6.22.
        case usable(apiVersion: CInt)
        /// There is no node, or no driver behind it.
        case absent
        /// The node is there, but not for this user.
        case noPermission(errno: CInt)
        /// The node could not be opened for another reason, or does not answer as KVM.
        case notKVM(errno: CInt)
    }

    /// Opens /dev/kvm and asks for its version (KVM_GET_API_VERSION). Leaves nothing open.
    public static func probe() -> State {
        probe(path: "/dev/kvm")
    }

    /// Whether tests and commands that need KVM can run.
    public static var isUsable: Bool {
        if case .usable = probe() { true } else { false }
    }

    /// Asks another node than the usual.
    package static func probe(path: String) -> State {
        // SAFETY: the shim reads the string only during the call.
        let answer = unsafe uapi_open_device(path)
        switch -answer {
        case ...0: break
        case ENOENT, ENXIO, ENODEV, ENOTDIR: return .absent
        case EACCES, EPERM: return .noPermission(errno: -answer)
        default: return .notKVM(errno: -answer)
        }
        let node = OwnedDescriptor(adopting: answer)
        let version = uapi_kvm_api_version(node.raw)
        return version < 0 ? .notKVM(errno: -version) : .usable(apiVersion: version)
    }
}
