public import DeviceModels
import LinuxKernel

/// Random bytes from the host's kernel, by getrandom.
public struct KernelEntropy: EntropySource {
    /// The kernel's generator.
    public init() {}

    /// Fills `bytes` by getrandom; false if the host refuses.
    public mutating func fill(_ bytes: inout MutableRawSpan) -> Bool {
        do throws(HostError) {
            try Entropy.fill(&bytes)
            return true
        } catch {
            return false
        }
    }
}
