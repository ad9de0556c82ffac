import DeviceModels
import InterruptTrace
import PlatformTypes
import VFIOUserClient
import VFIOUserServer

/// The guest of one stage: it connects, brings the device up, asks for entropy, masks and unmasks.
final class TryGuest {
    private let client: VFIOUserClient
    private let driver: VirtioGuestDriver
    private let vectorsLeft: Int
    private var bytes: [UInt8] = []
    private var requests = 0
    private var pendingSeen = true

    init(socket: String, vectorsLeft: Int) throws {
        self.vectorsLeft = vectorsLeft
        let client = try VFIOUserClient(path: socket)
        let ram = try GuestRAM(base: IOVA(0x10_0000), size: 1 << 16)
        try client.map(ram)
        self.client = client
        driver = try VirtioGuestDriver(client, ram: ram)
    }

    func work() throws {
        for _ in 0..<TryRehearsal.requestsPerStage {
            bytes += try driver.request(TryRehearsal.bytesPerRequest)
            requests += 1
        }
        if driver.policy != .pin { try workMasked() }
    }

    /// An interrupt that comes while its vector is masked waits in the Pending Bit Array, visible
    /// and not consumed, and arrives once after the unmask.
    private func workMasked() throws {
        try driver.setQueueMask(true)
        try driver.offer(TryRehearsal.bytesPerRequest)
        let wasPending = try driver.isQueuePending()
        let arrivedEarly = try driver.hasInterrupt()
        try driver.setQueueMask(false)
        let arrived = try driver.awaitInterrupt()
        let isPending = try driver.isQueuePending()
        pendingSeen = wasPending && !arrivedEarly && arrived && !isPending
        guard let last = driver.take() else {
            throw CommandFailure("the device announced a buffer that it did not use")
        }
        bytes += last
        requests += 1
    }

    func leave() { client.disconnect() }

    func outcome(
        of stage: TryStage, from before: Ledger, to after: Ledger, _ report: DeviceReport
    ) -> TryOutcome {
        let trace = report.trace.filter { $0.sequence >= before.traced }
        return TryOutcome(
            stage: stage.title, vectorsLeft: vectorsLeft, policy: driver.policy.rawValue,
            expectedPolicy: stage.expected.rawValue, refusalsHeard: driver.refusals,
            refusalsCounted: after.refusals - before.refusals, lastRefusal: report.lastRefusal,
            requests: requests, bytes: bytes.count, interruptsReceived: driver.interrupts,
            counts: .init(
                raised: after.counts.raised - before.counts.raised,
                sent: after.counts.sent - before.counts.sent,
                coalesced: after.counts.coalesced - before.counts.coalesced,
                pending: after.counts.pending - before.counts.pending,
                discarded: after.counts.discarded - before.counts.discarded),
            pended: trace.count { $0.kind == .pend }, pendingSeenInArray: pendingSeen,
            trace: trace.map(\.description))
    }
}
