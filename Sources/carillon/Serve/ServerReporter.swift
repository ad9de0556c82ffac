import IRQDomains
import Logging
import VFIOUserServer

/// Tells the operator what a server does: a log for people, reports for machines.
struct ServerReporter: Sendable {
    let logger: Logger
    let writesJSON: Bool

    func observe(_ event: ServerEvent) {
        switch event {
        case .listening(let device, let path):
            logger.info("listening", metadata: ["device": "\(device)", "socket": "\(path)"])
        case .connected(let device, let process):
            logger.info("connected", metadata: ["device": "\(device)", "process": "\(process)"])
        case .negotiated(let device, let profile):
            logger.info("negotiated", metadata: ["device": "\(device)", "profile": "\(profile)"])
        case .turnedAway(let device, let process):
            logger.warning(
                "a second client was turned away",
                metadata: ["device": "\(device)", "process": "\(process)"])
        case .refused(let device, let request, let reason):
            logger.warning(
                "request refused",
                metadata: [
                    "device": "\(device)", "request": "\(request)", "reason": "\(reason)",
                ])
        case .vectorRefused(let device, let reason):
            logger.notice(
                "the guest was told no", metadata: ["device": "\(device)", "reason": "\(reason)"])
        case .disconnected(_, let reason, let report): disconnected(reason, report)
        case .hostError(let device, let error):
            logger.error("\(error)", metadata: ["device": "\(device)"])
        }
    }

    /// Says where verbs connect, and what an administrator should know before a guest does.
    func note(parents: [VectorPool], controlPath: String) {
        logger.info("verbs are answered", metadata: ["control": "\(controlPath)"])
        for parent in parents {
            for warning in StatusDocument.Parent.warnings(parent.figures) {
                logger.warning("\(warning)", metadata: ["parent": "\(parent.name)"])
            }
        }
    }

    /// Says where scrapes are answered.
    func note(metricsPort port: UInt16) {
        logger.info(
            "scrapes are answered", metadata: ["url": "http://127.0.0.1:\(port)/metrics"])
    }

    private func disconnected(_ reason: DisconnectReason, _ report: DeviceReport) {
        logger.info(
            "disconnected", metadata: ["device": "\(report.name)", "reason": "\(reason)"])
        let figures = DeviceFigures(report)
        for vector in figures.vectors where vector.raised > 0 { log(vector, as: "vector") }
        for message in figures.messages where message.raised > 0 { log(message, as: "message") }
        for slot in figures.slots where slot.raised > 0 { log(slot, as: "slot") }
        if !report.booksBalance { logger.critical("the books do not balance") }
        guard writesJSON else { return }
        do { try Output.json(figures) } catch { logger.error("\(error)") }
    }

    private func log(_ figures: VectorFigures, as kind: String) {
        logger.info(
            "interrupts",
            metadata: [
                kind: "\(figures.vector)", "raised": "\(figures.raised)",
                "sent": "\(figures.sent)", "coalesced": "\(figures.coalesced)",
                "pending": "\(figures.pending)", "handed-over": "\(figures.handedOver)",
                "discarded": "\(figures.withdrawn + figures.reset + figures.released)",
                "unreachable": "\(figures.unreachable)",
            ])
    }
}
