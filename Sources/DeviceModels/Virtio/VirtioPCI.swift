import InterruptTrace
import MessageSignaledInterrupts
public import PCIConfigSpace
import PlatformTypes
import Registers

/// The virtio transport over PCI, modern interface, for any virtio device (virtio 1.2 §4.1).
///
/// A driver's write to a vector register is the moment of admission: without a lease on a host
/// vector it reads back NO_VECTOR, and the driver can share vectors or fall back to the pin.
///
/// Not modelled: the legacy interface, queue reset, notification data, shared memory regions.
public struct VirtioPCI<Device: VirtioDevice>: DeviceModel {
    /// The function that carries the device.
    public let function: PCIFunctionDescription
    /// By vector register writes: their read-back is how the driver hears no.
    public let admission = VectorAdmission.onRequest
    /// The offset of the capability of type VIRTIO_PCI_CAP_PCI_CFG.
    public let barWindow: Int?

    /// The device behind the transport.
    public internal(set) var device: Device
    /// Device Status.
    public internal(set) var status: VirtioStatus = []
    /// Why the device needs a reset, if it does.
    public private(set) var fault: VirtqueueFault?
    /// Used buffers of which the driver could not be told, because its queue has no vector.
    public private(set) var unroutedNotifications: UInt64 = 0

    /// Vectors in the table.
    let vectorCount: Int
    var queues: [SplitVirtqueue]
    var queueVectors: [UInt16]
    var configVector = virtioNoVector
    var queueSelect: UInt16 = 0
    var deviceFeatureSelect: UInt32 = 0
    var driverFeatureSelect: UInt32 = 0
    var driverFeatures: UInt64 = 0
    private var isr: UInt8 = 0

    /// Puts `device` behind the transport.
    ///
    /// - Parameter vectors: the most vectors that the table shows; without it one for each queue
    ///   and one for configuration changes, which is also the most. With 0 there is the pin alone.
    /// - Precondition: the device has at least one queue and at most 2,047; `vectors` is not
    ///   negative.
    public init(_ device: Device, vectors: Int? = nil) {
        precondition(vectors ?? 0 >= 0, "a table has no negative vectors")
        precondition(
            (1..<VectorIndex.tableLimit).contains(device.queueSizes.count),
            "a virtio device has between 1 and 2047 queues")
        self.device = device
        queues = device.queueSizes.enumerated().map {
            SplitVirtqueue(index: $0.offset, maximumSize: $0.element)
        }
        queueVectors = Array(repeating: virtioNoVector, count: device.queueSizes.count)
        vectorCount = min(vectors ?? .max, device.queueSizes.count + 1)
        function = VirtioPCILayout.function(of: device, vectors: vectorCount)
        barWindow = VirtioPCILayout.barWindowOffset(in: function)
    }

    /// Features that the device offers.
    var offeredFeatures: UInt64 {
        device.features | VirtioTransportFeature.version1 | VirtioTransportFeature.accessPlatform
    }

    // MARK: Registers

    /// Reads a register of the structures in BAR 0.
    public mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        guard access.bar == VirtioPCILayout.structuresBAR else { return 0 }
        let offset = access.offset % VirtioPCILayout.page
        switch access.offset - offset {
        case VirtioPCILayout.common:
            return readCommon(at: offset, access.width)
        case VirtioPCILayout.isr where offset == 0:
            defer {
                isr = 0
                bus.interrupts.deassertLine()
            }
            return UInt64(isr)
        case VirtioPCILayout.deviceSpecific:
            return readConfiguration(at: offset, access.width)
        default:
            return 0
        }
    }

    /// Writes a register of the structures in BAR 0; a notification does the device's work.
    public mutating func write(
        _ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus
    ) {
        guard access.bar == VirtioPCILayout.structuresBAR else { return }
        let offset = access.offset % VirtioPCILayout.page
        switch access.offset - offset {
        case VirtioPCILayout.common:
            writeCommon(value, at: offset, access.width, on: &bus)
        case VirtioPCILayout.notifications:
            notify(queue: offset / VirtioPCILayout.notifyMultiplier, on: &bus)
        case VirtioPCILayout.deviceSpecific where offset < device.configuration.count:
            for byte in 0..<access.width.bytes {
                device.writeConfiguration(
                    UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)), at: offset + byte)
            }
        default:
            bus.interrupts.record(.oddAccess, reason: .word(.readOnlyRegister))
        }
    }

    /// Resets device and transport; every lease returns to the parent.
    public mutating func reset(on bus: inout DeviceBus) {
        device.reset()
        for index in queues.indices { queues[index].reset() }
        for index in queueVectors.indices { queueVectors[index] = virtioNoVector }
        configVector = virtioNoVector
        for vector in 0..<vectorCount { releaseIfUnused(UInt16(vector), on: &bus) }
        status = []
        fault = nil
        isr = 0
        bus.interrupts.deassertLine()
        (queueSelect, deviceFeatureSelect, driverFeatureSelect, driverFeatures) = (0, 0, 0, 0)
    }

    private func readConfiguration(at offset: Int, _ width: AccessWidth) -> UInt64 {
        let bytes = device.configuration
        var value: UInt64 = 0
        for byte in 0..<width.bytes where offset + byte < bytes.count {
            value |= UInt64(bytes[offset + byte]) << UInt64(8 * byte)
        }
        return value
    }

    // MARK: Queues

    private mutating func notify(queue: Int, on bus: inout DeviceBus) {
        guard queue < queues.count, queues[queue].isEnabled, status.contains(.driverOK),
            !status.contains(.needsReset)
        else {
            bus.interrupts.record(.oddAccess, reason: .word(.notify))
            return
        }
        queues[queue].beginNotification()
        do throws(VirtqueueFault) {
            try device.notified(queue, of: &queues, on: &bus)
        } catch {
            fail(error, on: &bus)
        }
        tellOfUsedBuffers(on: &bus)
    }

    /// The descriptor of the device's backend.
    public var backendDescriptor: Int32? { device.backendDescriptor }

    /// The device's backend has something for it.
    public mutating func backendReady(on bus: inout DeviceBus) -> Bool {
        var hadWork = true
        do throws(VirtqueueFault) {
            hadWork = try device.backendReady(&queues, on: &bus)
        } catch {
            fail(error, on: &bus)
        }
        tellOfUsedBuffers(on: &bus)
        return hadWork
    }

    /// Whether the device uses the bus's timer.
    public var usesTimer: Bool { device.usesTimer }

    /// The device's time has come.
    public mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus) {
        do throws(VirtqueueFault) {
            try device.timerExpired(&queues, on: &bus)
        } catch {
            fail(error, on: &bus)
        }
        tellOfUsedBuffers(on: &bus)
    }

    private mutating func tellOfUsedBuffers(on bus: inout DeviceBus) {
        for index in queues.indices where queues[index].takeNotification() {
            tell(queueVectors[index], isr: 1, on: &bus)
        }
    }

    /// A driver broke a queue: the device stops and says so (virtio 1.2 §2.1.2).
    private mutating func fail(_ error: VirtqueueFault, on bus: inout DeviceBus) {
        fault = error
        status.insert(.needsReset)
        device.reset()
        bus.interrupts.record(.deviceFault, reason: .word(.deviceFault))
        tell(configVector, isr: 2, on: &bus)
    }

    /// Tells the driver by the queue's vector, or by the pin while MSI-X is disabled. ISR shows a
    /// configuration change either way, and the pin's cause holds while ISR is not zero
    /// (virtio 1.2 §4.1.4.5.1).
    private mutating func tell(_ vector: UInt16, isr bit: UInt8, on bus: inout DeviceBus) {
        let isMSIXEnabled = bus.interrupts.function.msix.isEnabled
        if !isMSIXEnabled || bit == 2 {
            isr |= bit
            bus.interrupts.assertLine()
        }
        guard isMSIXEnabled else { return }
        guard let index = VectorIndex(vector) else {
            unroutedNotifications &+= 1
            return
        }
        bus.interrupts.assert(index)
    }

    // MARK: Admission

    /// Points a vector register at `vector`, or at no vector if there is none for it.
    ///
    /// The old vector is given up first, so that a driver can move within a parent that is full.
    mutating func admit(
        _ vector: UInt16, replacing register: WritableKeyPath<Self, UInt16>,
        on bus: inout DeviceBus
    ) {
        let old = self[keyPath: register]
        guard vector != old else { return }
        self[keyPath: register] = virtioNoVector
        releaseIfUnused(old, on: &bus)
        guard let index = VectorIndex(vector), index.index < vectorCount,
            bus.interrupts.reserve(index)
        else { return }
        self[keyPath: register] = vector
    }

    private func releaseIfUnused(_ vector: UInt16, on bus: inout DeviceBus) {
        guard let index = VectorIndex(vector), vector != configVector,
            !queueVectors.contains(vector)
        else { return }
        bus.interrupts.release(index)
    }
}
