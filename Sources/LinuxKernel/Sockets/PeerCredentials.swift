/// Who was at the other end when the connection was made (unix(7), SO_PEERCRED).
public struct PeerCredentials: Sendable, Hashable {
    /// The process; it may have ended since.
    public let processID: Int32
    /// Its effective user.
    public let userID: UInt32
    /// Its effective group.
    public let groupID: UInt32

    /// Credentials as given.
    public init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }
}
