import LinuxKernel
import PlatformTypes
import VFIOUserWire

/// Messages of an interrupt message store (rules VU-50 to VU-52): DMA_WRITE without reply, in order
/// behind the replies to the commands that caused them.
extension Connection: PostedWrites {
    package func post(_ value: UInt32, at address: UInt64) throws(DMAFault) {
        guard !address.addingReportingOverflow(4).overflow else { throw .unmapped }
        guard asking?.failure == nil else { throw .noAnswer }
        if let twin = asking?.twin {
            var bytes: [UInt8] = []
            append(value, address, to: &bytes)
            return try post(bytes, over: twin)
        }
        append(value, address, to: &posted)
    }

    private func append(_ value: UInt32, _ address: UInt64, to bytes: inout [UInt8]) {
        let access = DMAAccess(address: address, count: 4)
        let size = MessageHeader.encodedSize + DMAAccess.encodedSize + access.count
        MessageHeader(
            id: takeID(), command: .dmaWrite, size: UInt32(size), kind: .command(noReply: true)
        ).encode(into: &bytes)
        DMAWriteRequest.encode(access, dword: value, into: &bytes)
    }

    /// Nothing wakes the loop when a second socket takes bytes again, so a full one is waited for.
    private func post(_ bytes: [UInt8], over twin: TwinSocket) throws(DMAFault) {
        let deadline = MonotonicClock.nowNanoseconds &+ (asking?.patienceNanoseconds ?? 0)
        var rest = bytes[...]
        while true {
            try send(&rest, over: twin)
            if rest.isEmpty { return }
            switch twin.stream.receive(into: twin.input, blocking: true) {
            case .wouldBlock, .interrupted:
                if MonotonicClock.nowNanoseconds >= deadline { throw fail(.dmaNotAnswered) }
            case .bytes: throw fail(.protocolViolation("reply-to-nothing"))
            case .closed: throw fail(.closedByClient)
            case .truncatedDescriptors: throw fail(.tooManyDescriptors)
            case .failed(let errno): throw fail(reason(of: errno))
            }
        }
    }

    /// Has posted writes follow the replies before them. With too much unsent, what comes next
    /// waits in its slot until the client reads.
    func collectPosted() {
        guard !posted.isEmpty else { return }
        output.bytes += posted
        posted.removeAll(keepingCapacity: true)
        guard !holdsStoreBack, output.unsent >= limits.unsentBytes else { return }
        holdsStoreBack = true
        session.device.setStoreBound(false)
    }

    /// Sends what the device posted of its own accord. Returns why the connection ends, if it does.
    func sendPosted() -> DisconnectReason? {
        collectPosted()
        return flush()
    }

    /// The client reads again: messages that waited in their slots leave.
    func releaseStore() -> DisconnectReason? {
        holdsStoreBack = false
        session.device.setStoreBound(true)
        return sendPosted()
    }
}
