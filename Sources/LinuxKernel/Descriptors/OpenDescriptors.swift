import CLinuxUAPI

/// The descriptors this process has open.
public enum OpenDescriptors {
    /// How many there are, by /proc/thread-self/fd. Other threads may open and close meanwhile.
    public static func count() throws(HostError) -> Int {
        Int(
            try HostError.check(
                uapi_open_descriptors(), .processFiles, "list", "/proc/thread-self/fd"))
    }
}
