/// The outcome of one receive.
public enum Received: Sendable, Hashable {
    /// So many bytes came, at least one.
    case bytes(Int)
    /// Nothing is there, and the call was not to wait, or not any longer.
    case wouldBlock
    /// A signal came before any byte.
    case interrupted
    /// The peer sends nothing more.
    case closed
    /// The connection is broken, with this errno.
    case failed(CInt)
    /// Descriptors were cut off: more came at once than `ReceiveBuffer.descriptorsMax`, or this
    /// process has no number left for them. Those that arrived are closed, the bytes are dropped,
    /// and which message lacks what is unknown: end the connection.
    case truncatedDescriptors
}
