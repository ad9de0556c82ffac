import EventLoops
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes

/// The interrupt pin of a device that another process serves: told once, and unmasked at the end
/// of its interrupt (the cycle that VFIO calls automasked).
///
/// With the chip in the kernel, the kernel does all of it; with a split chip, the loop hears the
/// device, and the I/O APIC its end.
final class RemoteLine: Sendable {
    /// What the device signals while its cause holds.
    let event: EventFD
    /// What unmasks the pin at the device.
    let ended: EventFD
    /// Its pin at the I/O APIC.
    let pin: Int
    private let source: InterruptLines.Source
    private let parts: MachineParts
    private let tenant: UInt64

    init(pin: Int, slot: Int, _ parts: MachineParts) throws(HostError) {
        event = try EventFD()
        ended = try EventFD()
        self.pin = pin
        source = .slot(slot)
        self.parts = parts
        tenant = parts.nextTenant()
        switch parts.lines.chip {
        case .kernel:
            try parts.lines.share(pin, on: parts.loop, tenant: parts.nextTenant())
            try parts.machine.attachLevel(event.raw, to: pin, ended: ended.raw)
        case .split:
            do throws(HostError) {
                try listen()
            } catch {
                parts.lines.listen(pin, source, nil)
                throw error
            }
        }
    }

    private func listen() throws(HostError) {
        parts.lines.listen(pin, source) { [weak self] in _ = self?.ended.signal() }
        try parts.loop.perform { [weak self, tenant, raw = event.raw] (loop) throws(HostError) in
            let source = DescriptorSource(raw) {
                guard let self, self.event.drain() > 0 else { return .idle }
                self.parts.lines.set(self.pin, self.source, true)
                return .worked
            }
            try loop.admit(tenant, [source])
        }
    }

    /// Whether the kernel does all of it.
    var isKernels: Bool { parts.lines.chip == .kernel }

    /// What the device has told before it was reset is over.
    func clear() {
        _ = event.drain()
        if parts.lines.chip == .split { parts.lines.set(pin, source, false) }
    }

    /// Nothing of it arrives any more.
    func end() {
        switch parts.lines.chip {
        case .kernel: parts.machine.detach(event.raw, from: pin)
        case .split:
            parts.loop.dismiss(tenant)
            parts.lines.listen(pin, source, nil)
            parts.lines.set(pin, source, false)
        }
    }
}
