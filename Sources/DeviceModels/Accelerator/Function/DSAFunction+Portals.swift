import MessageSignaledInterrupts
import Registers

/// Descriptors on their way in.
extension DSAFunction {
    /// A 64-byte store arrives as that many bytes in any split: it is taken when the last of them
    /// has come.
    mutating func writePortal(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        let page = access.offset / DSALayout.portalPage
        guard page < portals.count else { return }
        var assembly = portals[page].take() ?? DSAPortalPage()
        let bytes = assembly.add(value, access)
        portals[page] = assembly
        guard let bytes else { return }
        bytes.withRawSpan { submit(DSADescriptor($0), page, on: &bus) }
    }

    func readPortal(at offset: Int) -> UInt64 {
        let queue = offset / DSALayout.portalPage / DSALayout.portalsPerQueue
        return queue < configuration.queues ? UInt64(mustRetry >> UInt32(queue) & 1) : 0
    }

    // MARK: Portals that a client maps

    private static var shortestPoll: UInt64 { 20_000 }
    private static var longestPoll: UInt64 { 1_280_000 }
    private static var patientPolls: Int { 64 }

    /// Takes what lies in mapped portals of enabled queues, and looks again the sooner the more
    /// recently something lay there.
    mutating func pollPortals(on bus: inout DeviceBus) {
        guard portalMemory != nil else { return }
        let pages = (0..<configuration.queues).filter { isEnabled($0) }.flatMap { queue in
            let first = queue * DSALayout.portalsPerQueue
            return [first, first + 1]
        }
        portalMemory?.take(pages: pages, into: &found)
        for (page, descriptor) in found { submit(descriptor, page, on: &bus) }
        let period = pollNanoseconds ?? Self.shortestPoll
        idlePolls = found.isEmpty ? idlePolls + 1 : 0
        var next: UInt64? = Self.shortestPoll
        if pages.isEmpty {
            next = nil
        } else if idlePolls > 0 {
            let isPatient = idlePolls % Self.patientPolls != 0
            next = isPatient ? period : min(2 * period, Self.longestPoll)
        }
        found.removeAll(keepingCapacity: true)
        guard next != pollNanoseconds else { return }
        pollNanoseconds = next
        bus.setTimer(nanoseconds: next)
    }

    /// What was stored for `queue` while it was not enabled never becomes one of its descriptors.
    mutating func forgetStored(for queue: Int) {
        let first = queue * DSALayout.portalsPerQueue
        portalMemory?.take(pages: [first, first + 1], into: &found)
        counts.refused &+= UInt64(found.count)
        found.removeAll(keepingCapacity: true)
    }

    /// A whole descriptor has come through portal `page`.
    private mutating func submit(
        _ descriptor: DSADescriptor, _ page: Int, on bus: inout DeviceBus
    ) {
        let queue = page / DSALayout.portalsPerQueue
        let isForStore = page % DSALayout.portalsPerQueue >= 2
        let isLimited = page % DSALayout.portalsPerQueue == 1
        guard isEnabled(queue), state == .enabled, !isClosing(queue) else {
            return refuse(descriptor, queue, SoftwareError.Submission.queueDisabled, on: &bus)
        }
        guard !isForStore else {
            return refuse(descriptor, queue, SoftwareError.Submission.noMessageStore, on: &bus)
        }
        let isShared = configuration.mode == .shared
        if isShared,
            PASID(descriptor.pasid).flatMap({ configuration.translation.host(for: $0) }) == nil
        {
            // Not even the completion record has an address that means something.
            return refuse(
                descriptor, queue, DSAStatus.completionTranslation.rawValue, on: &bus)
        }
        let entries =
            isShared && isLimited
            ? min(tables.threshold(of: queue), tables.size(of: queue)) : tables.size(of: queue)
        mustRetry &= ~(1 << UInt32(queue))
        if engines.submit(descriptor, to: queue, below: entries) {
            counts.submitted &+= 1
        } else if isShared {
            counts.refused &+= 1
            mustRetry |= 1 << UInt32(queue)
        } else {
            refuse(descriptor, queue, SoftwareError.Submission.queueFull, on: &bus)
        }
    }

    /// Whether the queue becomes disabled when it is idle.
    private func isClosing(_ queue: Int) -> Bool {
        waiting?.command == .disableQueue && (waiting?.queues ?? 0) >> UInt32(queue) & 1 != 0
    }

    private mutating func refuse(
        _ descriptor: DSADescriptor, _ queue: Int, _ code: UInt8, on bus: inout DeviceBus
    ) {
        counts.refused &+= 1
        report(
            SoftwareError(code: code, queue: queue, operation: descriptor.opcodeByte), on: &bus)
    }
}

/// The 64-byte stores to one page of portals that have not wholly come, each line for itself: a
/// driver's processors store to different ones at a time.
struct DSAPortalPage {
    private var bytes = [UInt8](repeating: 0, count: DSALayout.portalPage)
    /// Which bytes of each line have come.
    private var filled = [UInt64](
        repeating: 0, count: DSALayout.portalPage / DSALayout.descriptorBytes)

    /// Adds an access. Returns the line if all of it has come with that.
    mutating func add(_ value: UInt64, _ access: BARAccess) -> [64 of UInt8]? {
        let start = access.offset % DSALayout.portalPage
        for byte in 0..<access.width.bytes {
            bytes[start + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
        }
        let line = start / DSALayout.descriptorBytes
        let count = UInt64(access.width.bytes)
        filled[line] |= (1 << count - 1) << UInt64(start % DSALayout.descriptorBytes)
        guard filled[line] == .max else { return nil }
        filled[line] = 0
        var whole: [64 of UInt8] = .init(repeating: 0)
        for index in 0..<DSALayout.descriptorBytes {
            whole[index] = bytes[line * DSALayout.descriptorBytes + index]
        }
        return whole
    }
}
