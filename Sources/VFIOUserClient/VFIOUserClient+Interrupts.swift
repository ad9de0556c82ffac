public import LinuxKernel
import Registers
public import VFIOInterface
import VFIOUserWire

/// Binding, masking and firing of interrupts (SET_IRQS).
extension VFIOUserClient {
    /// Has interrupt `number` of `index` signal `event`.
    public func bind(
        _ index: IRQIndex, _ number: Int, to event: borrowing EventFD
    ) throws(ClientError) {
        try bind(index, first: number, to: [event.raw])
    }

    /// Has as many interrupts from `first` on as there are descriptors signal one each.
    ///
    /// The descriptors stay the caller's.
    public func bind(
        _ index: IRQIndex, first: Int, to descriptors: [CInt]
    ) throws(ClientError) {
        let range = UInt32(first)..<UInt32(first + descriptors.count)
        try set(
            IRQSet(index: index, range: range, action: .trigger, data: .eventfd), descriptors)
    }

    /// Binds nothing to the interrupts in `range` any more.
    public func unbind(_ index: IRQIndex, _ range: Range<Int>) throws(ClientError) {
        let range = UInt32(range.lowerBound)..<UInt32(range.upperBound)
        try set(IRQSet(index: index, range: range, action: .trigger, data: .noEventfd))
    }

    /// Binds nothing to any interrupt of `index` any more.
    public func disable(_ index: IRQIndex) throws(ClientError) { try set(.disable(index)) }

    /// Masks one interrupt.
    public func mask(_ index: IRQIndex, _ number: Int) throws(ClientError) {
        try act(.mask, index, number)
    }

    /// Unmasks one interrupt.
    public func unmask(_ index: IRQIndex, _ number: Int) throws(ClientError) {
        try act(.unmask, index, number)
    }

    /// Fires one interrupt as the device would.
    public func trigger(_ index: IRQIndex, _ number: Int) throws(ClientError) {
        try act(.trigger, index, number)
    }

    /// Sends any SET_IRQS.
    public func set(
        _ set: IRQSet, _ descriptors: [CInt] = [], selection: [Bool] = []
    ) throws(ClientError) {
        try channel.call(.deviceSetIRQs, descriptors: descriptors) {
            set.encode(into: &$0, selection: selection)
        } read: { _ throws(WireViolation) in
        }
    }

    private func act(
        _ action: IRQSet.Action, _ index: IRQIndex, _ number: Int
    ) throws(ClientError) {
        let range = UInt32(number)..<UInt32(number + 1)
        try set(IRQSet(index: index, range: range, action: action, data: .none))
    }
}

extension VFIOUserClient {
    /// Has interrupt `number` of `index` unmasked whenever `event` is signalled.
    public func bindUnmask(
        _ index: IRQIndex, _ number: Int, to event: borrowing EventFD
    ) throws(ClientError) {
        let range = UInt32(number)..<UInt32(number + 1)
        try set(
            IRQSet(index: index, range: range, action: .unmask, data: .eventfd), [event.raw])
    }
}
