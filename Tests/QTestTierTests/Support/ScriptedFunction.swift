import LinuxKernel
import Registers
import VFIOInterface
import VFIOUserWire

/// The PCI function of a `ScriptedServer`: registers that keep what is written to them, and MSI-X.
struct ScriptedFunction: Sendable {
    static let barBytes = 0x4000
    static let capabilityOffset = 0x40
    static let tableOffset = 0x2000

    /// The flags that GET_IRQ_INFO reports for MSI-X.
    var vectorFlags: IRQInfoFlags = .eventfd
    var vectors: UInt32 = 2
    var hasPin = false
    var configurationBytes = 256
    /// The eventfds of MSI-X vectors.
    var events: [UInt32: SharedEvent] = [:]

    private var configuration: [UInt8] = []
    private var registers = [UInt8](repeating: 0, count: barBytes)

    init(
        vectors: UInt32 = 2, vectorFlags: IRQInfoFlags = .eventfd, hasPin: Bool = false,
        configurationBytes: Int = 256
    ) {
        self.vectors = vectors
        self.vectorFlags = vectorFlags
        self.hasPin = hasPin
        self.configurationBytes = configurationBytes
        configuration = [UInt8](repeating: 0, count: configurationBytes)
        configuration.replaceSubrange(0..<4, with: [0x34, 0x12, 0xe8, 0x11])
        configuration[0x06] = 0x10
        configuration[0x0b] = 0xff
        configuration[0x34] = UInt8(Self.capabilityOffset)
        configuration[0x3d] = hasPin ? 1 : 0
        let size = UInt8(vectors - 1)
        let table: [UInt8] = [0, UInt8(Self.tableOffset >> 8), 0, 0, 0, 0x30, 0, 0]
        configuration.replaceSubrange(
            Self.capabilityOffset..<Self.capabilityOffset + 12,
            with: [0x11, 0, size, 0] + table)
    }

    /// The payload of a correct reply.
    mutating func reply(
        to message: ScriptedServer.Message, _ descriptors: inout ReceivedDescriptors
    ) -> [UInt8] {
        var output: [UInt8] = []
        switch message.header.command {
        case .version:
            var own = VersionCapabilities()
            own.maxMessageFDs = 8
            VersionMessage.encode(minor: 0, capabilities: own, into: &output)
        case .dmaUnmap: output = message.payload
        case .deviceGetInfo:
            DeviceInfo(flags: [.reset, .pci], regionCount: 9, irqIndexCount: 5).encode(
                into: &output)
        case .deviceGetRegionInfo:
            regionInfo(RegionIndex(rawValue: message.word(8)))
                .encode(into: &output, argsz: message.word(0))
        case .deviceGetIRQInfo: irqInfo(IRQIndex(rawValue: message.word(8))).encode(into: &output)
        case .deviceSetIRQs: keepEvents(message, &descriptors)
        case .regionRead: output = read(message)
        case .regionWrite: output = write(message)
        default: break
        }
        return output
    }

    private func regionInfo(_ index: RegionIndex?) -> RegionInfo {
        let size =
            switch index {
            case .bar0: Self.barBytes
            case .config: configurationBytes
            default: 0
            }
        return RegionInfo(
            index: index ?? .vga, flags: size > 0 ? [.read, .write] : [], size: UInt64(size))
    }

    private func irqInfo(_ index: IRQIndex?) -> IRQInfo {
        switch index {
        case .intx:
            IRQInfo(
                index: .intx, flags: [.eventfd, .maskable, .automasked], count: hasPin ? 1 : 0)
        case .msix: IRQInfo(index: .msix, flags: vectorFlags, count: vectors)
        case .error: IRQInfo(index: .error, flags: [.eventfd], count: 1)
        default: IRQInfo(index: index ?? .request, flags: [], count: 0)
        }
    }

    private mutating func keepEvents(
        _ message: ScriptedServer.Message, _ descriptors: inout ReceivedDescriptors
    ) {
        guard message.word(8) == IRQIndex.msix.rawValue else { return }
        let start = message.word(12)
        guard message.word(16) > 0 else { return events.removeAll() }
        for number in start..<start + message.word(16) {
            events[number] = nil
            if let descriptor = descriptors.takeFirst() {
                events[number] = try? SharedEvent(descriptor)
            }
        }
    }

    private func read(_ message: ScriptedServer.Message) -> [UInt8] {
        let (offset, count) = (Int(message.word(0)), Int(message.word(12)))
        let source = message.word(8) == RegionIndex.config.rawValue ? configuration : registers
        return message.payload + source[offset..<offset + count]
    }

    private mutating func write(_ message: ScriptedServer.Message) -> [UInt8] {
        let (offset, count) = (Int(message.word(0)), Int(message.word(12)))
        let range = offset..<offset + count
        if message.word(8) == RegionIndex.config.rawValue {
            configuration.replaceSubrange(range, with: message.payload[16...])
        } else {
            registers.replaceSubrange(range, with: message.payload[16...])
        }
        return Array(message.payload[..<16])
    }
}

/// An eventfd that copies of a function share.
final class SharedEvent: Sendable {
    let event: EventFD

    init(_ descriptor: consuming OwnedDescriptor) throws(HostError) {
        event = try EventFD(adopting: descriptor)
    }
}
