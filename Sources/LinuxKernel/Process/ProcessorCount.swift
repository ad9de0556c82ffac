import Glibc

/// The processors that threads of this process can run on.
public enum ProcessorCount {
    /// How many are online; at least one.
    public static var available: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
