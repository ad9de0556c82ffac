import InterruptTrace
import Registers

/// The common configuration structure (virtio 1.2 §4.1.4.3). Any width is accepted and acts on the
/// registers it touches.
extension VirtioPCI {
    func readCommon(at offset: Int, _ width: AccessWidth) -> UInt64 {
        var value: UInt64 = 0
        for piece in VirtioCommonRegister.window.pieces(at: offset, width) {
            value |= piece.contribution(of: self.value(of: piece.id))
        }
        return value
    }

    mutating func writeCommon(
        _ value: UInt64, at offset: Int, _ width: AccessWidth, on bus: inout DeviceBus
    ) {
        for piece in VirtioCommonRegister.window.pieces(at: offset, width) {
            let old = piece.isWhole ? 0 : self.value(of: piece.id)
            set(piece.id, to: piece.merging(value, into: old), on: &bus)
        }
    }

    private var selected: Int? {
        Int(queueSelect) < queues.count ? Int(queueSelect) : nil
    }

    private borrowing func value(of register: VirtioCommonRegister) -> UInt64 {
        switch register {
        case .deviceFeatureSelect: UInt64(deviceFeatureSelect)
        case .deviceFeature: Self.half(deviceFeatureSelect, of: offeredFeatures)
        case .driverFeatureSelect: UInt64(driverFeatureSelect)
        case .driverFeature: Self.half(driverFeatureSelect, of: driverFeatures)
        case .configVector: UInt64(configVector)
        case .queueCount: UInt64(queues.count)
        case .deviceStatus: UInt64(status.rawValue)
        case .configGeneration: 0
        case .queueSelect: UInt64(queueSelect)
        case .queueSize, .queueVector, .queueEnable, .queueNotifyOffset, .queueDescriptors,
            .queueDriver, .queueDevice:
            queueValue(of: register)
        }
    }

    private borrowing func queueValue(of register: VirtioCommonRegister) -> UInt64 {
        guard let selected else { return register == .queueVector ? UInt64(virtioNoVector) : 0 }
        return switch register {
        case .queueSize: UInt64(queues[selected].size)
        case .queueVector: UInt64(queueVectors[selected])
        case .queueEnable: queues[selected].isEnabled ? 1 : 0
        case .queueNotifyOffset: UInt64(selected)
        case .queueDescriptors: queues[selected].descriptors
        case .queueDriver: queues[selected].available
        default: queues[selected].used
        }
    }

    private mutating func set(
        _ register: VirtioCommonRegister, to value: UInt64, on bus: inout DeviceBus
    ) {
        switch register {
        case .deviceFeatureSelect: deviceFeatureSelect = UInt32(truncatingIfNeeded: value)
        case .driverFeatureSelect: driverFeatureSelect = UInt32(truncatingIfNeeded: value)
        case .driverFeature: setDriverFeature(UInt32(truncatingIfNeeded: value))
        case .configVector:
            admit(UInt16(truncatingIfNeeded: value), replacing: \.configVector, on: &bus)
        case .deviceStatus: setStatus(UInt8(truncatingIfNeeded: value), on: &bus)
        case .queueSelect: queueSelect = UInt16(truncatingIfNeeded: value)
        case .queueVector:
            guard let selected else { return }
            admit(UInt16(truncatingIfNeeded: value), replacing: \.queueVectors[selected], on: &bus)
        case .queueSize, .queueEnable, .queueDescriptors, .queueDriver, .queueDevice:
            setQueue(register, to: value)
        case .deviceFeature, .queueCount, .configGeneration, .queueNotifyOffset:
            bus.interrupts.record(.oddAccess, reason: .word(.readOnlyRegister))
        }
    }

    /// A queue's registers are fixed once it is enabled (virtio 1.2 §4.1.4.3.2).
    private mutating func setQueue(_ register: VirtioCommonRegister, to value: UInt64) {
        guard let selected, !queues[selected].isEnabled else { return }
        switch register {
        case .queueSize:
            let size = UInt16(truncatingIfNeeded: value)
            let isPowerOfTwo = size != 0 && size & (size - 1) == 0
            if isPowerOfTwo, size <= queues[selected].maximumSize { queues[selected].size = size }
        case .queueEnable: queues[selected].isEnabled = value == 1
        case .queueDescriptors: queues[selected].descriptors = value
        case .queueDriver: queues[selected].available = value
        default: queues[selected].used = value
        }
    }

    private mutating func setDriverFeature(_ value: UInt32) {
        guard driverFeatureSelect < 2, !status.contains(.featuresOK) else { return }
        let shift = UInt64(32 * driverFeatureSelect)
        driverFeatures &= ~(0xffff_ffff << shift)
        driverFeatures |= UInt64(value) << shift
    }

    private mutating func setStatus(_ value: UInt8, on bus: inout DeviceBus) {
        guard value != 0 else { return reset(on: &bus) }
        var next = VirtioStatus(rawValue: value)
        let agreed =
            driverFeatures & ~offeredFeatures == 0
            && driverFeatures & VirtioTransportFeature.version1 != 0
        if !agreed { next.remove(.featuresOK) }
        // The bit is the device's to set, and only a reset clears it.
        next.remove(.needsReset)
        if status.contains(.needsReset) { next.insert(.needsReset) }
        let isAgreed = !status.contains(.featuresOK) && next.contains(.featuresOK)
        status = next
        if isAgreed { device.negotiated(driverFeatures) }
    }

    private static func half(_ select: UInt32, of features: UInt64) -> UInt64 {
        select < 2 ? features >> UInt64(32 * select) & 0xffff_ffff : 0
    }
}
