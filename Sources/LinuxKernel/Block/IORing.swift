import CLinuxUAPI

/// An io_uring(7): requests in, answers out, without a thread of ours.
///
/// Belongs to one thread at a time.
@safe  // SAFETY: the pointers of the structure are the ring's mappings, which live as long as this
// object; only the shim follows them.
final class IORing {
    private var ring = unsafe uapi_ring()

    /// A ring for `entries` requests at a time, a power of two.
    ///
    /// - Throws: `HOST-RING` if the kernel has none, or allows this process none.
    init(entries: Int) throws(HostError) {
        try HostFaults.meet(.ring, "create", "an io_uring")
        // SAFETY: the shim writes only the structure, which outlives the call.
        let answer = unsafe uapi_ring_create(UInt32(entries), &ring)
        guard answer == 0 else {
            throw HostError(.ring, "create", "an io_uring", errno: answer)
        }
    }

    deinit {
        // SAFETY: the ring was made, and nothing uses it after this.
        unsafe uapi_ring_close(&ring)
    }

    /// Can be read while there is an answer.
    var descriptor: CInt { unsafe ring.fd }

    /// Puts a request into the ring, for the next `submit`.
    ///
    /// - Precondition: fewer requests than the ring has entries have no answer yet.
    func put(_ request: FileRequest) {
        var copy = unsafe request.raw
        // SAFETY: both structures live during the call; the ring is mapped as long as this object.
        let answer = unsafe uapi_ring_put(&ring, &copy)
        precondition(answer == 0, "a ring has an entry for each request")
    }

    /// Hands what was put to the kernel. Returns false if the kernel did not take all of it.
    func submit() -> Bool {
        let isWilling: Void? = try? HostFaults.meet(.ring, "submit requests to", "an io_uring")
        guard isWilling != nil else { return false }
        // SAFETY: as above.
        return unsafe uapi_ring_submit(&ring) == 0
    }

    /// Takes a request back that the kernel did not take: its token, or nil if none is left.
    func withdraw() -> Int? {
        var token: UInt64 = 0
        // SAFETY: as above.
        return unsafe uapi_ring_withdraw(&ring, &token) == 1 ? Int(token) : nil
    }

    /// Takes an answer: the request's token, and what it came to. Nil if there is none.
    func take() -> (token: Int, result: Int)? {
        var token: UInt64 = 0
        var result: Int32 = 0
        // SAFETY: as above.
        guard unsafe uapi_ring_take(&ring, &token, &result) == 1 else { return nil }
        return (Int(token), Int(result))
    }
}
