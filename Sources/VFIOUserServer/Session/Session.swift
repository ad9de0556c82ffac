import DeviceModels
import IRQDomains
import LinuxKernel
import Registers
import VFIOInterface
import VFIOUserWire

/// The protocol with one client: a message in, what follows from it done, a reply out.
///
/// Everything in a message is hostile until it is parsed. Requests are handled in the order in
/// which they arrive, each to its end.
final class Session<Model: DeviceModel> {
    let device: ServedDevice<Model>
    let limits: ClientLimits
    let wire: WireLimits
    let observe: @Sendable (ServerEvent) -> Void
    /// What was agreed with VERSION; nil before it.
    var agreement: VersionAgreement? {
        didSet {
            hasAgreement = agreement != nil
            if agreement?.profile.canBeAskedForDevice == false { context.irqCounts.request = 0 }
        }
    }
    /// Whether there is one, for every message: a look at the whole agreement copies it.
    private(set) var hasAgreement = false
    /// Why the connection must end, once it must.
    private(set) var endReason: DisconnectReason?
    private var context: RequestContext
    /// A descriptor that goes with the reply; it belongs to the device.
    var passed: CInt?
    private var knownRefusals: UInt64
    /// Interrupts of each index, as far as this client is to know of them.
    var irqCounts: IRQCounts { context.irqCounts }

    init(
        device: ServedDevice<Model>, limits: ClientLimits,
        observe: @escaping @Sendable (ServerEvent) -> Void
    ) {
        self.device = device
        self.limits = limits
        self.observe = observe
        wire = limits.wire
        context = RequestContext(sender: .client, limits: wire, irqCounts: device.irqCounts)
        knownRefusals = device.endpoint.bus.interrupts.refusals
    }

    /// The descriptor that goes with the reply to the last message, once.
    func takePassed() -> CInt? {
        defer { passed = nil }
        return passed
    }

    /// Handles one message; appends its reply to `output` if the client wants one.
    func handle(
        _ header: MessageHeader, _ payload: RawSpan, _ descriptors: inout ReceivedDescriptors,
        into output: inout [UInt8]
    ) {
        let start = output.count
        do throws(WireViolation) {
            guard hasAgreement || header.command == .version || header.isReply else {
                return end(.protocolViolation("command-before-version"))
            }
            let request = try RequestMessage.parse(
                header, payload: payload, descriptors: descriptors.count, context: context)
            do throws(RequestRefusal) {
                try perform(request, header, payload, &descriptors, into: &output)
            } catch {
                output.removeSubrange(start...)
                refuse(header, payload, error, into: &output)
            }
        } catch {
            switch error.remedy {
            case .disconnect: end(.protocolViolation(error.name))
            case .refuse(let errno):
                refuse(header, payload, RequestRefusal(errno, error.name), into: &output)
            }
        }
        device.settle()
        device.recallAfterReset()
        noteDevice()
    }

    /// Ends the connection after this message.
    func end(_ reason: DisconnectReason) {
        if endReason == nil { endReason = reason }
    }

    private func perform(
        _ request: RequestMessage, _ header: MessageHeader, _ payload: RawSpan,
        _ descriptors: inout ReceivedDescriptors, into output: inout [UInt8]
    ) throws(RequestRefusal) {
        switch request {
        case .regionRead(let read): try perform(read, header, into: &output)
        case .regionWrite(let write): try perform(write, header, payload, into: &output)
        case .version: try negotiate(header, payload, into: &output)
        case .dmaMap(let map):
            try perform(map, &descriptors)
            Reply.appendEmpty(to: header, into: &output)
        case .dmaUnmap(let unmap): try perform(unmap, header, into: &output)
        case .getInfo: describeDevice(header, into: &output)
        case .getRegionInfo(let ask): describeRegion(ask, header, into: &output)
        case .getIRQInfo(let ask): describeIRQ(ask, header, into: &output)
        case .setIRQs(let set):
            try perform(set, payload, &descriptors)
            Reply.appendEmpty(to: header, into: &output)
        case .reset:
            device.endpoint.reset()
            Reply.appendEmpty(to: header, into: &output)
        case .getRegionIOFDs(let ask): describeSubregions(ask, header, into: &output)
        case .regionWriteMulti(let multi):
            try perform(multi, header, payload, into: &output)
        case .deviceFeature:
            throw RequestRefusal(.inappropriateOperation, "feature-not-supported")
        case .migrationDataRead, .migrationDataWrite:
            throw RequestRefusal(.invalidArgument, "not-migrating")
        case .dmaRead, .dmaWrite:
            throw RequestRefusal(.notSupported, "command-not-supported")
        }
    }

    /// Says no in the client's own style. A client that can hear it neither way is let go, and so
    /// is one with which no version was agreed upon.
    private func refuse(
        _ header: MessageHeader, _ payload: RawSpan, _ refusal: RequestRefusal,
        into output: inout [UInt8]
    ) {
        let request = "\(header.command)"
        observe(.refused(device: device.name, request: request, reason: refusal.reason))
        let style = agreement?.profile.errorStyle ?? .errorReply
        let heard = Refusal.append(
            refusal.errno, to: header, payload: payload, style: style, into: &output)
        if !heard || agreement == nil { end(.protocolViolation(refusal.reason)) }
    }

    /// The operator hears of what the device met while it handled the message.
    private func noteDevice() {
        if device.memory.isTruncated { end(.memoryTruncated) }
        if device.timerError != nil, let error = device.takeTimerError() {
            observe(.hostError(device: device.name, error: error))
        }
        let refusals = device.endpoint.bus.interrupts.refusals
        guard refusals != knownRefusals else { return }
        knownRefusals = refusals
        let reason = device.endpoint.bus.interrupts.lastRefusal?.description ?? ""
        observe(.vectorRefused(device: device.name, reason: reason))
    }
}
