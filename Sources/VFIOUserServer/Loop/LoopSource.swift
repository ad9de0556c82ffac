import LinuxKernel

/// Something that a loop waits for and then lets work.
///
/// A source belongs to one loop, and only that loop's thread calls it.
class LoopSource {
    /// What a turn came to.
    enum Turn {
        /// Work was done; more may follow at once.
        case worked
        /// There was nothing to do.
        case idle
        /// The source is at its end; the loop lets go of it.
        case ended
    }

    /// The descriptor that becomes ready.
    var descriptor: CInt { preconditionFailure("a source has a descriptor") }

    /// Whether a turn may wait in the descriptor itself when the loop has nothing else to do.
    var mayWaitInTurn: Bool { false }

    /// Does what is ready to be done, and no more than a bounded amount.
    ///
    /// - Parameter waiting: whether to wait for something to do, for at most `EventLoop.patience`.
    func turn(waiting: Bool) -> Turn { preconditionFailure("a source takes turns") }

    /// What the loop must wait for on behalf of the source.
    var interest: EpollSet.Interest { .readable }
}
