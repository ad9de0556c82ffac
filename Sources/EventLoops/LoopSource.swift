public import LinuxKernel

/// Something that a loop waits for and then lets work.
///
/// A source belongs to one loop, and only that loop's thread calls it.
open class LoopSource {
    /// What a turn came to.
    public enum Turn: Sendable {
        /// Work was done; more may follow at once.
        case worked
        /// Work was done, and work is left that the descriptor does not announce.
        case unfinished
        /// There was nothing to do.
        case idle
        /// The source is at its end; the loop lets go of it.
        case ended

        /// Whether something was done and the source goes on.
        public var hasWorked: Bool { self == .worked || self == .unfinished }
    }

    /// A source that no loop has yet.
    public init() {}

    /// The descriptor that becomes ready.
    open var descriptor: CInt { preconditionFailure("a source has a descriptor") }

    /// Whether a turn may wait in the descriptor itself when the loop has nothing else to do.
    open var mayWaitInTurn: Bool { false }

    /// Does what is ready to be done, and no more than a bounded amount.
    ///
    /// - Parameter waiting: whether to wait for something to do, for at most `EventLoop.patience`.
    open func turn(waiting: Bool) -> Turn { preconditionFailure("a source takes turns") }

    /// What the loop must wait for on behalf of the source.
    open var interest: EpollSet.Interest { .readable }
}
