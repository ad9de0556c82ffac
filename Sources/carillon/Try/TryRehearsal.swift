import DeviceModels
import Foundation
import IRQDomains
import InterruptTrace
import MessageSignaledInterrupts
import PlatformTypes
import VFIOUserClient
import VFIOUserServer

/// The whole path in one process: a server with a bounded parent, and a guest's driver that reaches
/// it over a real socket, with real memory and real eventfds.
struct TryRehearsal {
    static let vectors = 2
    static let requestsPerStage = 4
    static let bytesPerRequest = 64

    private let device = "virtio-rng"
    private let parent = VectorPool(name: "parent", capacity: Self.vectors)

    /// Runs every stage.
    func run() async throws -> (outcomes: [TryOutcome], parent: VectorPool.Figures) {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-try-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let socket = folder.appendingPathComponent("device.sock").path

        let (events, seen) = AsyncStream.makeStream(of: ServerEvent.self)
        let server = try VFIOUserServer(.init(loops: 1)) { seen.yield($0) }
        defer { server.stop() }
        try await server.serve(
            DevicePlacement(
                name: device, socketPath: socket, parent: parent, traceCapacity: 4096)
        ) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }

        var outcomes: [TryOutcome] = []
        var before = Ledger()
        for stage in TryStage.all {
            let guest = try play(stage, socket: socket)
            guard let report = await server.report(of: device) else {
                throw CommandFailure("the server lost its device")
            }
            let after = Ledger(report)
            outcomes.append(guest.outcome(of: stage, from: before, to: after, report))
            before = after
            guest.leave()
            try await departure(in: events)
        }
        return (outcomes, parent.figures)
    }

    /// What the neighbour holds is free again before the stage returns; the guest's driver has
    /// settled by then.
    private func play(_ stage: TryStage, socket: String) throws -> TryGuest {
        var neighbour = Neighbour(parent)
        try neighbour.take(stage.heldByNeighbour)
        let left = parent.figures.available
        parent.rehearse(refusals: stage.refusals)
        let guest = try TryGuest(socket: socket, vectorsLeft: left)
        try guest.work()
        neighbour.leave()
        return guest
    }

    private func departure(in events: AsyncStream<ServerEvent>) async throws {
        for await event in events {
            guard case .disconnected(_, let reason, let report) = event else { continue }
            guard reason == .closedByClient else {
                throw CommandFailure("the server ended the connection: \(reason)")
            }
            guard report.booksBalance else { throw CommandFailure("the books do not balance") }
            return
        }
    }
}

/// Another tenant of the parent; its leases end with it.
private struct Neighbour: ~Copyable {
    private let parent: VectorPool
    private var first: VectorLease?
    private var second: VectorLease?

    init(_ parent: VectorPool) { self.parent = parent }

    mutating func take(_ count: Int) throws(VectorRefusal) {
        if count > 0 { first = try parent.reserve(for: "neighbour") }
        if count > 1 { second = try parent.reserve(for: "neighbour") }
    }

    consuming func leave() {}
}

/// The device's totals at one moment, over its vectors and its pin.
struct Ledger {
    var counts = TryOutcome.Counts()
    var refusals: UInt64 = 0
    var traced: UInt64 = 0

    init() {}

    init(_ report: DeviceReport) {
        for vector in report.vectors + report.messages {
            counts.raised += vector.counts.raised
            counts.sent += vector.counts.sent
            counts.coalesced += vector.counts.coalesced
            counts.pending += vector.isPending ? 1 : 0
            counts.discarded += vector.counts.discarded
        }
        counts.raised += report.pin.raised
        counts.sent += report.pin.sent
        counts.coalesced += report.pin.coalesced
        counts.pending += report.isPinPending ? 1 : 0
        counts.discarded += report.pin.withdrawn + report.pin.reset
        refusals = report.refusals
        traced = report.trace.last.map { $0.sequence + 1 } ?? 0
    }
}
