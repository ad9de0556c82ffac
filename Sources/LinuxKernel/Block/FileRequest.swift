import CLinuxUAPI

/// One request to the kernel about a range of a file, and the memory that it reads or fills.
@safe  // SAFETY: the pointer is only passed on to the kernel; `BlockFile`, which made the request,
// keeps the memory and the descriptor until it has ended, and touches neither meanwhile.
struct FileRequest: @unchecked Sendable {
    private(set) var raw: uapi_request

    init(
        _ operation: uapi_operation, descriptor: CInt, offset: UInt64, count: Int,
        memory: UnsafeMutableRawPointer?, token: Int
    ) {
        unsafe raw = uapi_request(
            operation: operation.rawValue, fd: descriptor, offset: offset, count: UInt64(count),
            memory: memory, token: UInt64(token))
    }

    var token: Int { unsafe Int(raw.token) }

    /// Does it in this thread.
    func perform() -> Int {
        var copy = unsafe raw
        // SAFETY: the memory has room for the count, as `BlockFile` made sure.
        return Int(unsafe uapi_perform(&copy))
    }
}
