import CLinuxUAPI

/// Time that only goes forward (CLOCK_MONOTONIC).
public enum MonotonicClock {
    /// Nanoseconds since an arbitrary moment, the same for all processes until the next boot.
    public static var nowNanoseconds: UInt64 { uapi_monotonic_nanoseconds() }
}
