import CLinuxUAPI
import Glibc

/// Received bytes that wait to be parsed, and the descriptors that came with them.
///
/// **Which message do descriptors belong to?** A Unix stream has no message boundaries, but the
/// kernel ends a recvmsg after the piece of data that carries descriptors (unix(7)). Bytes sent
/// before may stand in front of that piece in the same receive, bytes sent later never follow it.
/// So descriptors belong to the message that contains the *last* byte of the receive they came
/// with. This holds for a sender that puts one message, or a part of one, into the sendmsg with
/// descriptors.
///
/// The owner's loop: receive; while a whole message of `n` bytes stands at the front, parse it
/// in `withUnread`, `takeDescriptors(inNext: n)`, `consume(n)`; then receive again.
///
/// One owner on one thread at a time. A receive without descriptors does not allocate.
@safe  // SAFETY: the pointers are ours from init to deinit, and lent only while isLent keeps them.
public final class ReceiveBuffer {
    /// Descriptors that one receive has room for.
    public static var descriptorsMax: Int { Int(UAPI_RECEIVED_DESCRIPTORS_MAX) }

    private struct Pending {
        var raw: CInt = -1
        /// Place in the whole stream of the last byte that came along.
        var lastByte: UInt64 = 0
    }

    /// The buffer never becomes larger than this.
    public let maximumCapacity: Int
    /// Bytes the buffer holds when full.
    public private(set) var capacity: Int

    private var storage: UnsafeMutableRawPointer
    private let arrived: UnsafeMutablePointer<CInt>
    /// Unread bytes are storage[start..<end].
    private var start = 0
    private var end = 0
    /// Place in the whole stream of storage[start].
    private var consumedBytes: UInt64 = 0
    /// Room for those of a message that is not complete yet, and of one more receive.
    private var pending = InlineArray<32, Pending>(repeating: Pending())
    private var pendingCount = 0
    /// Whether withUnread runs: then nothing may move the bytes.
    private var isLent = false

    /// Makes an empty buffer.
    ///
    /// - Parameter capacity: bytes one receive takes at most; 256 KiB lets many small messages come
    ///   in one system call.
    /// - Parameter maximumCapacity: how far `ensure(capacity:)` may grow it.
    /// - Precondition: 0 < capacity ≤ maximumCapacity.
    public init(capacity: Int, maximumCapacity: Int) {
        precondition(0 < capacity && capacity <= maximumCapacity, "a receive buffer has room")
        self.capacity = capacity
        self.maximumCapacity = maximumCapacity
        // SAFETY: both allocations belong to this object alone and are freed in deinit.
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
        unsafe arrived = .allocate(capacity: Self.descriptorsMax)
        unsafe arrived.initialize(repeating: -1, count: Self.descriptorsMax)
    }

    deinit {
        for index in 0..<pendingCount { _ = uapi_close(pending[index].raw) }
        // SAFETY: nobody else holds the allocations, and no span of them outlives withUnread.
        unsafe storage.deallocate()
        unsafe arrived.deallocate()
    }

    // MARK: Bytes

    /// Bytes received and not consumed.
    public var unreadCount: Int { end - start }

    /// Calls `body` with the unread bytes, oldest first.
    public func withUnread<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: start..<end was written by the kernel and lies in storage, which stays as it is
        // during the call because `body` may not receive, consume or grow (see the preconditions).
        let unread = unsafe UnsafeRawBufferPointer(start: storage + start, count: end - start)
        let wasLent = isLent
        isLent = true
        defer { isLent = wasLent }
        return try body(unsafe unread.bytes)
    }

    /// Removes the oldest `count` unread bytes, and closes descriptors that came with them and
    /// were not taken.
    ///
    /// - Precondition: 0 ≤ count ≤ unreadCount; not called from within `withUnread`.
    public func consume(_ count: Int) {
        precondition(!isLent, "unread bytes stay while they are looked at")
        precondition(0 <= count && count <= end - start, "only unread bytes are consumed")
        if pendingCount > 0 { _ = takeDescriptors(inNext: count) }
        consumedBytes += UInt64(count)
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Makes the buffer hold at least `wanted` unread bytes, once they come: for a message whose
    /// header announces its size.
    ///
    /// - Returns: false, without change, when that is more than `maximumCapacity`.
    public func ensure(capacity wanted: Int) -> Bool {
        precondition(!isLent, "unread bytes stay while they are looked at")
        if wanted <= capacity { return true }
        guard wanted <= maximumCapacity else { return false }
        let grown = min(maximumCapacity, max(wanted, capacity * 2))
        // SAFETY: the new allocation is larger than the unread bytes, and the old one is not lent.
        let larger = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        unsafe larger.copyMemory(from: storage + start, byteCount: end - start)
        unsafe storage.deallocate()
        unsafe storage = larger
        capacity = grown
        end -= start
        start = 0
        return true
    }

    // MARK: Descriptors

    /// Where the first descriptors not taken stand: the place, counted from the first unread byte,
    /// of the last byte they came with. nil when there are none.
    public var offsetOfDescriptors: Int? {
        pendingCount == 0 ? nil : Int(pending[0].lastByte - consumedBytes)
    }

    /// Takes the descriptors that belong to the message in the next `count` unread bytes.
    ///
    /// A message that came in several pieces may bring up to 32, if its sender passed some with
    /// each piece: check the number.
    public func takeDescriptors(inNext count: Int) -> ReceivedDescriptors {
        var taken = ReceivedDescriptors()
        let limit = consumedBytes + UInt64(count)
        var number = 0
        while number < pendingCount, pending[number].lastByte < limit {
            taken.append(adopting: pending[number].raw)
            number += 1
        }
        if number > 0 {
            for index in number..<pendingCount { pending[index - number] = pending[index] }
            pendingCount -= number
        }
        return taken
    }

    // MARK: Receiving

    /// One recvmsg into the free room.
    func receive(from socket: CInt, blocking: Bool) -> Received {
        precondition(!isLent, "unread bytes stay while they are looked at")
        compact()
        precondition(end < capacity, "a receive has free room")
        var count: CInt = 0
        // SAFETY: end..<capacity is free storage, and `arrived` has room for descriptorsMax.
        let answer = unsafe uapi_receive(
            socket, storage + end, capacity - end, blocking ? 1 : 0, arrived, &count)
        switch answer {
        case 1...:
            if count != 0, !keepDescriptors(count, lastByte: end + Int(answer) - 1) {
                return .truncatedDescriptors
            }
            end += Int(answer)
            return .bytes(Int(answer))
        case 0: return .closed
        case -Int64(EAGAIN): return .wouldBlock
        case -Int64(EINTR): return .interrupted
        default: return .failed(CInt(-answer))
        }
    }

    /// Moves the unread bytes to the front when little room is left behind them.
    private func compact() {
        guard start > 0, capacity - end < capacity / 4 else { return }
        // SAFETY: both ranges lie in storage; copyMemory allows them to overlap.
        unsafe storage.copyMemory(from: storage + start, byteCount: end - start)
        end -= start
        start = 0
    }

    /// Remembers the descriptors of this receive.
    ///
    /// - Returns: false, and all of them are closed, if some were cut off or too many wait.
    private func keepDescriptors(_ count: CInt, lastByte index: Int) -> Bool {
        guard count > 0 else { return false }
        let fits = pendingCount + Int(count) <= ReceivedDescriptors.capacity
        let lastByte = consumedBytes + UInt64(index - start)
        for number in 0..<Int(count) {
            // SAFETY: the shim filled the first `count` of the descriptorsMax numbers.
            let raw = unsafe arrived[number]
            if fits {
                pending[pendingCount] = Pending(raw: raw, lastByte: lastByte)
                pendingCount += 1
            } else {
                _ = uapi_close(raw)
            }
        }
        return fits
    }
}
