/// The socket errors that only say that the peer has gone (Linux, generic numbering).
enum Errno {
    static let brokenPipe: CInt = 32
    static let connectionReset: CInt = 104

    static func isDisconnect(_ errno: CInt) -> Bool {
        errno == brokenPipe || errno == connectionReset
    }
}
