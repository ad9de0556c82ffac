import DeviceModels
import InterruptTrace
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import VFIOInterface
import VFIOUserWire

/// SET_IRQS: binding, masking and firing by the client.
///
/// Binding says only where a vector's messages go. Whether the vector is backed is another matter,
/// settled with the parent; the two come in either order (rule VU-15).
extension Session {
    func perform(
        _ set: IRQSet, _ payload: RawSpan, _ descriptors: inout ReceivedDescriptors
    ) throws(RequestRefusal) {
        if set.index == .error || set.index == .request, !set.disablesIndex, !set.bindsOrUnbinds {
            throw RequestRefusal(.invalidArgument, "notifier-is-only-bound")
        }
        switch (set.action, set.data) {
        case (.trigger, _) where set.disablesIndex:
            unbind(set.index, 0..<irqCounts[set.index])
        case (.trigger, .eventfd): try bind(set, &descriptors)
        case (.trigger, .noEventfd): unbind(set.index, set.range)
        case (.unmask, .eventfd) where set.index == .intx: try bindUnmask(&descriptors)
        case (.unmask, .noEventfd) where set.index == .intx: device.removeUnmask()
        case (.mask, .eventfd), (.mask, .noEventfd), (.unmask, .eventfd), (.unmask, .noEventfd):
            throw RequestRefusal(.invalidArgument, "mask-by-eventfd-not-supported")
        case (.trigger, _):
            forEachSelected(set, payload) { fire(set.index, $0) }
        case (.mask, _):
            forEachSelected(set, payload) { mask(set.index, $0, true) }
        case (.unmask, _):
            forEachSelected(set, payload) { mask(set.index, $0, false) }
        }
    }

    /// Verifies every descriptor before the first is used, so that a refusal for one changes
    /// nothing. A vector that cannot be made active is refused after those before it are bound.
    private func bind(
        _ set: IRQSet, _ descriptors: inout ReceivedDescriptors
    ) throws(RequestRefusal) {
        var events = EventFDList()
        while let descriptor = descriptors.takeFirst() {
            do throws(HostError) {
                events.append(try EventFD(adopting: descriptor))
            } catch {
                throw RequestRefusal(.invalidArgument, error.code.description)
            }
        }
        for number in set.range {
            guard let event = events.takeFirst() else { return }
            try bind(set.index, number, event)
        }
    }

    private func bindUnmask(_ descriptors: inout ReceivedDescriptors) throws(RequestRefusal) {
        guard let descriptor = descriptors.takeFirst() else { return }
        do throws(HostError) {
            try device.bindUnmask(to: try EventFD(adopting: descriptor))
        } catch {
            throw RequestRefusal(.invalidArgument, error.code.description)
        }
    }

    private func bind(
        _ index: IRQIndex, _ number: UInt32, _ event: consuming EventFD
    ) throws(RequestRefusal) {
        switch index {
        case .intx:
            device.wiring.bindPin(to: event)
            device.endpoint.bus.interrupts.setPin(.masked, false)
            guard device.endpoint.bus.interrupts.setPinBound(true) != nil else { return }
            device.wiring.bindPin(to: nil)
            throw RequestRefusal(.noSpace, "vector-not-activated")
        case .msix: try bind(message: number, by: .msix, event)
        case .msi: try bind(message: number, by: .msi, event)
        case .error: device.wiring.bindError(to: event)
        case .request:
            device.wiring.bindRequest(to: event)
            if device.isWantedBack { device.askForDevice() }
        }
    }

    private func bind(
        message number: UInt32, by mechanism: InterruptMechanism, _ event: consuming EventFD
    ) throws(RequestRefusal) {
        guard let vector = VectorIndex(number) else { return }
        device.wiring.bind(mechanism, vector, to: event)
        device.endpoint.bus.interrupts.record(.bind, vector: vector)
        guard device.endpoint.bus.interrupts.setBound(mechanism, vector, true) != nil else {
            return
        }
        device.wiring.bind(mechanism, vector, to: nil)
        throw RequestRefusal(.noSpace, "vector-not-activated")
    }

    /// What is pending stays pending until somebody binds the vector again.
    private func unbind(_ index: IRQIndex, _ range: Range<UInt32>) {
        for number in range {
            switch index {
            case .intx:
                device.unbindPin()
                device.wiring.bindPin(to: nil)
                device.removeUnmask()
            case .msix: unbind(message: number, by: .msix)
            case .msi: unbind(message: number, by: .msi)
            case .error: device.wiring.bindError(to: nil)
            case .request: device.wiring.bindRequest(to: nil)
            }
        }
    }

    private func unbind(message number: UInt32, by mechanism: InterruptMechanism) {
        guard let vector = VectorIndex(number) else { return }
        device.unbind(mechanism, vector)
        device.wiring.bind(mechanism, vector, to: nil)
        device.endpoint.bus.interrupts.record(.unbind, vector: vector)
    }

    private func mask(_ index: IRQIndex, _ number: UInt32, _ masked: Bool) {
        switch index {
        case .intx: device.endpoint.bus.interrupts.setPin(.masked, masked)
        case .msix:
            guard let vector = VectorIndex(number) else { return }
            device.endpoint.bus.interrupts.withMSIX { msix, sends in
                msix.setClientMask(vector, masked, into: &sends)
            }
        case .msi:
            guard let message = VectorIndex(number) else { return }
            device.endpoint.bus.interrupts.withMSI { msi, sends in
                msi.setClientMask(message, masked, into: &sends)
            }
        case .error, .request: return
        }
    }

    /// The client's own trigger is an event like the device's, and is accounted for like one.
    private func fire(_ index: IRQIndex, _ number: UInt32) {
        switch index {
        case .intx: device.endpoint.bus.interrupts.triggerLine()
        case .msix, .msi:
            guard let vector = VectorIndex(number) else { return }
            device.endpoint.bus.interrupts.assert(vector)
        case .error, .request: return
        }
    }

    private func forEachSelected(
        _ set: IRQSet, _ payload: RawSpan, _ body: (UInt32) -> Void
    ) {
        for number in set.range where set.selects(number, in: payload) { body(number) }
    }
}

extension IRQSet {
    /// Whether it says by what interrupts are signalled, and nothing of masks or firing.
    fileprivate var bindsOrUnbinds: Bool {
        action == .trigger && (data == .eventfd || data == .noEventfd)
    }
}
