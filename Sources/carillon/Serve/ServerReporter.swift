import DeviceModels
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
        case .withdrawn(let device):
            logger.info("withdrawn", metadata: ["device": "\(device)"])
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
        let document = InterruptsDocument(report, withTrace: true)
        for interrupt in document.interrupts where interrupt.raised > 0 { log(interrupt) }
        if !report.booksBalance { logger.critical("the books do not balance") }
        guard writesJSON else { return }
        do { try Output.json(document) } catch { logger.error("\(error)") }
    }

    private func log(_ interrupt: InterruptsDocument.Interrupt) {
        logger.info(
            "interrupts",
            metadata: [
                "of": "\(interrupt.guest)", "raised": "\(interrupt.raised)",
                "sent": "\(interrupt.sent)", "coalesced": "\(interrupt.coalesced)",
                "pending": "\(interrupt.pending ? 1 : 0)",
                "discarded": "\(interrupt.discarded)", "deferred": "\(interrupt.deferred)",
            ])
    }
}
