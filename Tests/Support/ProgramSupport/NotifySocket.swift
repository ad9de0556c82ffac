import Glibc

/// A datagram socket as a service manager has one for its services' words.
package final class NotifySocket: Sendable {
    /// Its path.
    package let path: String
    private let descriptor: CInt

    /// A socket at `path`, at which a wait lasts at most twenty seconds.
    package init?(path: String) {
        self.path = path
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < 108 else { return nil }
        // SAFETY: the path fits into the array, which stays zero after it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: path.utf8)
        }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        // SAFETY: both structures live during the calls, with their own sizes.
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // SAFETY: as above.
        let isPatient = unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience,
            socklen_t(MemoryLayout<timeval>.size))
        guard bound == 0, isPatient == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// What the service says next; nil if it says nothing in time.
    package func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        // SAFETY: the array lives during the call, with the size that is passed.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
