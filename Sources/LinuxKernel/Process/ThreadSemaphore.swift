import CLinuxUAPI

/// A counter at which threads of this process wait until somebody raises it. It needs no
/// descriptor, so it can be had where none is left.
@safe  // SAFETY: the pointer never changes and is freed with the object; the C library's counter is
// made for any number of threads at once.
public final class ThreadSemaphore: @unchecked Sendable {
    private let counter: UnsafeMutableRawPointer

    /// A counter at zero.
    public init() {
        // SAFETY: the allocation is owned from here to deinit.
        guard let made = unsafe uapi_counter_create() else {
            preconditionFailure("there is memory for a counter")
        }
        unsafe counter = made
    }

    deinit {
        // SAFETY: whoever could wait holds this object.
        unsafe uapi_counter_free(counter)
    }

    /// Lets one thread go on that waits, or that comes to wait.
    public func post() { unsafe uapi_counter_post(counter) }

    /// Waits for a `post` that nobody else has taken.
    public func wait() { unsafe uapi_counter_wait(counter) }
}
