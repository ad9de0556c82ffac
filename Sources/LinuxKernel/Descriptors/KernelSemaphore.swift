import CLinuxUAPI

/// A counter at which threads wait in the kernel until somebody raises it: an eventfd(2) in
/// semaphore mode that blocks. May be used from any threads at once.
public struct KernelSemaphore: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// A semaphore at zero.
    public init() throws(HostError) {
        try HostFaults.meet(.eventFD, "create", "a semaphore")
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_semaphore_create(), .eventFD, "create", "a semaphore"))
    }

    /// Lets one thread go on that waits, or that comes to wait.
    public borrowing func post() {
        let isPosted = uapi_semaphore_post(descriptor.raw) == 0
        precondition(isPosted, "a semaphore takes a signal")
    }

    /// Waits for a `post` that nobody else has taken.
    public borrowing func wait() {
        let isTaken = uapi_semaphore_wait(descriptor.raw) == 0
        precondition(isTaken, "a semaphore can be waited for")
    }
}
