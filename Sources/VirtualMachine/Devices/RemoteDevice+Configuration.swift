import InterruptDelivery
import LinuxKernel
import MessageSignaledInterrupts
import PCIConfigSpace
import Registers
import VFIOInterface
import VFIOUserClient
import VFIOUserWire

/// Configuration space of a served device, and what follows from writes to it.
extension RemoteDevice {
    // MARK: Configuration space

    func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        turn(otherwise: width.allOnes) { (state) throws(ClientError) in
            guard offset + width.bytes <= function.configBytes else { return width.allOnes }
            if Self.barRegisters.contains(offset) { return state.header.read(at: offset, width) }
            let value = try state.client.read(.config, at: UInt64(offset), width)
            return value | pendingBits(at: offset, width, state)
        }
    }

    private static let barRegisters = 0x10..<0x28
    private static let commandRegister = 0x04..<0x06

    /// Events of MSI that wait here and not at the device.
    private func pendingBits(
        at offset: Int, _ width: AccessWidth, _ state: borrowing State
    ) -> UInt64 {
        guard let msi = function.msi, state.bound == .msi,
            let register = MSICapability.pendingOffset(msi.layout)
        else { return 0 }
        let byte = offset - msi.capability - register
        guard (0..<4).contains(byte) else { return 0 }
        let bits = state.interrupts.pendingBits(from: 0, count: msi.layout.messages)
        return bits >> UInt64(8 * byte) & width.allOnes
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        turn(otherwise: ()) { (state) throws(ClientError) in
            guard offset + width.bytes <= function.configBytes else { return }
            let bytes = offset..<offset + width.bytes
            if Self.barRegisters.overlaps(bytes) || Self.commandRegister.overlaps(bytes) {
                var changes = ConfigChanges()
                state.header.write(at: offset, width, value, into: &changes)
            }
            try state.client.write(value, .config, at: UInt64(offset), width)
            if try resets(value, bytes, &state) {
                state.header.reset()
                state.interrupts.reset()
                line?.clear()
            }
            try follow(&state)
        }
    }

    /// Whether a write of `value` to `bytes` has reset the function: FLR, or D3hot to D0 of one
    /// that keeps nothing.
    private func resets(
        _ value: UInt64, _ bytes: Range<Int>, _ state: inout State
    ) throws(ClientError) -> Bool {
        if let control = function.deviceControl, bytes.contains(control + 1),
            value >> UInt64(8 * (control + 1 - bytes.lowerBound)) & 0x80 != 0
        {
            return true
        }
        guard let power = function.powerControl else { return false }
        let register = try state.client.read(.config, at: UInt64(power), .word)
        defer { state.powerState = register & 3 }
        return state.powerState == 3 && register & 3 == 0 && register & 8 == 0
    }

    /// Looks at every register that the machine must know, and does what follows.
    private func follow(_ state: inout State) throws(ClientError) {
        if let msix = function.msix {
            let control = try state.client.read(.config, at: UInt64(msix.capability + 2), .word)
            state.interrupts.setTableControl(
                enable: control & MSIXCapability.enableBit != 0,
                functionMask: control & MSIXCapability.functionMaskBit != 0)
        }
        if let msi = function.msi { state.interrupts.setMSI(try registers(msi, state.client)) }
        try bind(&state)
        state.interrupts.updateAll()
    }

    private func registers(
        _ msi: RemoteFunction.MSI, _ client: VFIOUserClient
    ) throws(ClientError) -> MSIRegisters {
        let at = msi.capability
        let layout = msi.layout
        let control = try client.read(.config, at: UInt64(at + 2), .word)
        var registers = MSIRegisters()
        registers.isEnabled = control & MSICapability.enableBit != 0
        guard registers.isEnabled else { return registers }
        let exponent = MSIRegisters.storedEnable(Int(control >> 4 & 7), capable: layout)
        registers.granted = 1 << exponent
        registers.address = try client.read(
            .config, at: UInt64(at + MSICapability.addressOffset), .dword)
        if layout.is64Bit {
            let register = UInt64(at + MSICapability.upperAddressOffset)
            registers.address |= try client.read(.config, at: register, .dword) << 32
        }
        let isWide =
            layout.hasExtendedData && control & MSICapability.extendedDataEnableBit != 0
        registers.data = UInt32(
            try client.read(
                .config, at: UInt64(at + MSICapability.dataOffset(layout)),
                isWide ? .dword : .word))
        if let mask = MSICapability.maskOffset(layout) {
            registers.mask = UInt32(try client.read(.config, at: UInt64(at + mask), .dword))
        }
        return registers
    }

    // MARK: What the server signals

    /// Has the server signal by the mechanism that the guest has enabled, and by the pin while that
    /// is none.
    func bind(_ state: inout State) throws(ClientError) {
        let wanted = state.interrupts.mechanism
        if wanted != .none, state.isLineBound {
            try state.client.disable(.intx)
            state.isLineBound = false
        }
        if state.bound != wanted {
            switch state.bound {
            case .msi: try state.client.disable(.msi)
            case .msix: try state.client.disable(.msix)
            case .none: break
            }
            state.bound = .none
            switch wanted {
            case .msi: try bind(.msi, function.msi?.layout.messages ?? 0, state)
            case .msix:
                try hold(0..<state.interrupts.events.count, &state)
                try bind(.msix, function.msix?.vectors ?? 0, state)
            case .none: break
            }
            state.bound = wanted
        }
        if wanted == .none, !state.isLineBound, let line {
            try state.client.bind(.intx, 0, to: line.event)
            try state.client.bindUnmask(.intx, 0, to: line.ended)
            state.isLineBound = true
        }
    }

    /// Has the device hold back the vectors of `range` that the guest masks, if it can: its Pending
    /// Bits then follow the causes. What comes of one that cannot waits here.
    func hold(_ range: Range<Int>, _ state: inout State) throws(ClientError) {
        guard function.holdsVectors else { return }
        for (run, held) in state.interrupts.maskChanges(in: range) {
            let vectors = UInt32(run.lowerBound)..<UInt32(run.upperBound)
            try state.client.set(
                IRQSet(index: .msix, range: vectors, action: held ? .mask : .unmask, data: .none))
        }
    }

    private func bind(
        _ index: IRQIndex, _ count: Int, _ state: borrowing State
    ) throws(ClientError) {
        let descriptors = state.interrupts.events.prefix(count).map { $0.event.raw }
        let wanted = Int(clamping: state.client.server.maxMessageFDs ?? 1)
        let most = min(max(wanted, 1), Int(WireLimits.maxMessageFDs))
        var first = 0
        while first < descriptors.count {
            let end = min(first + most, descriptors.count)
            try state.client.bind(index, first: first, to: Array(descriptors[first..<end]))
            first = end
        }
    }
}
