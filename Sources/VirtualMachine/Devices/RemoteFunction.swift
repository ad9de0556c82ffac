import MessageSignaledInterrupts
import PCIConfigSpace
import Registers
import VFIOInterface
import VFIOUserClient

/// What a device's configuration space says of it that stays as it is.
struct RemoteFunction: Sendable {
    /// The MSI-X capability, and where table and Pending Bit Array are (PCIe 6.0 §7.7.2).
    struct MSIX: Sendable {
        let capability: Int
        let vectors: Int
        let table: (bar: Int, bytes: Range<Int>)
        let pending: (bar: Int, bytes: Range<Int>)
    }

    /// The MSI capability (PCIe 6.0 §7.7.1).
    struct MSI: Sendable {
        let capability: Int
        let layout: MSILayout
    }

    let configBytes: Int
    let bars: [BAR]
    /// Bytes that the device answers behind each BAR; a BAR has room for powers of two only.
    let regionBytes: [Int: UInt64]
    let interruptPin: Int
    let msix: MSIX?
    let msi: MSI?
    /// Where Device Control is, whose highest bit resets the function (PCIe 6.0 §7.5.3.4).
    let deviceControl: Int?
    /// Where PMCSR is (PCI Power Management 1.2 §3.2.4).
    let powerControl: Int?

    /// Whether the device itself holds vectors of its table back when it is told to.
    let holdsVectors: Bool

    /// Interrupts that one message mechanism or the other has.
    var messageCount: Int { max(msix?.vectors ?? 0, msi?.layout.messages ?? 0) }

    /// Asks `client` for everything.
    init(_ client: VFIOUserClient) throws(ClientError) {
        configBytes = Int(clamping: try client.regionInfo(.config).size)
        guard configBytes >= 256 else {
            throw .device("its configuration space has \(configBytes) bytes")
        }
        (bars, regionBytes) = try Self.bars(client)
        interruptPin = Int(try client.read(.config, at: 0x3d, .byte))
        guard interruptPin <= 4 else { throw .device("its interrupt pin is \(interruptPin)") }
        var found: [UInt8: Int] = [:]
        var next = Int(try client.read(.config, at: 0x34, .byte)) & ~3
        // A list of capabilities has room for 48.
        for _ in 0..<48 where next >= 0x40 {
            let header = try client.read(.config, at: UInt64(next), .word)
            // Of two with one number, a guest finds the first.
            found[UInt8(header & 0xff)] = found[UInt8(header & 0xff)] ?? next
            next = Int(header >> 8) & ~3
        }
        let sizes = Dictionary(
            uniqueKeysWithValues: bars.map { ($0.index, Int(clamping: $0.size)) })
        msix = try found[MSIXCapability.id].map { (at) throws(ClientError) in
            try Self.msix(client, at, sizes)
        }
        msi = try found[MSICapability.id].map { (at) throws(ClientError) in
            try Self.msi(client, at)
        }
        let signals = try client.irqInfo(.msix).flags
        holdsVectors = msix != nil && signals.contains(.maskable)
        // Only a function that says so in Device Capabilities has FLR (PCIe 6.0 §7.5.3.3).
        var control: Int?
        if let express = found[0x10] {
            let abilities = try client.read(.config, at: UInt64(express + 4), .dword)
            if abilities >> 28 & 1 == 1 { control = express + 8 }
        }
        deviceControl = control
        powerControl = found[0x01].map { $0 + 4 }
    }

    private static func msix(
        _ client: VFIOUserClient, _ at: Int, _ sizes: [Int: Int]
    ) throws(ClientError) -> MSIX {
        let control = try client.read(.config, at: UInt64(at + 2), .word)
        let vectors = Int(control & 0x7ff) + 1
        func place(_ register: Int, _ bytes: Int) throws(ClientError) -> (Int, Range<Int>) {
            let value = Int(try client.read(.config, at: UInt64(at + register), .dword))
            let (bar, start) = (value & 7, value & ~7)
            guard let size = sizes[bar], start + bytes <= size else {
                throw .device("its MSI-X table or PBA lies in no BAR")
            }
            return (bar, start..<start + bytes)
        }
        let table = try place(4, MSIXCapability.tableBytes(tableSize: vectors))
        let pending = try place(8, MSIXCapability.pendingBytes(tableSize: vectors))
        return MSIX(
            capability: at, vectors: vectors, table: (bar: table.0, bytes: table.1),
            pending: (bar: pending.0, bytes: pending.1))
    }

    private static func msi(_ client: VFIOUserClient, _ at: Int) throws(ClientError) -> MSI {
        let control = try client.read(.config, at: UInt64(at + 2), .word)
        let layout = MSILayout(
            messages: 1 << Int(control >> 1 & 7), is64Bit: control >> 7 & 1 == 1,
            hasMasking: control >> 8 & 1 == 1, hasExtendedData: control >> 9 & 1 == 1)
        guard let layout else { throw .device("its MSI capability asks for too many messages") }
        return MSI(capability: at, layout: layout)
    }

    /// What each BAR register keeps of all ones says how large it is (PCIe 6.0 §7.5.1.2.1).
    private static func bars(
        _ client: VFIOUserClient
    ) throws(ClientError) -> ([BAR], [Int: UInt64]) {
        var bars: [BAR] = []
        var bytes: [Int: UInt64] = [:]
        var index = 0
        while index < 6 {
            let register = UInt64(0x10 + 4 * index)
            let flags = try client.read(.config, at: register, .dword)
            let size = try client.regionInfo(.bar(index)).size
            defer { index += flags & 7 == 4 ? 2 : 1 }
            guard size > 0 else { continue }
            guard size <= largestBAR else { throw .device("its BAR \(index) has \(size) bytes") }
            bytes[index] = size
            let rounded: UInt64 = max(1 << UInt64(64 - (size - 1).leadingZeroBitCount), 16)
            let prefetchable = flags & 8 != 0
            switch flags & 7 {
            case 4: bars.append(.memory64(index, size: rounded, prefetchable: prefetchable))
            case 0: bars.append(.memory32(index, size: rounded, prefetchable: prefetchable))
            default:
                guard size <= 256, size.nonzeroBitCount == 1, size >= 4 else {
                    throw .device("its BAR \(index) has \(size) ports")
                }
                bars.append(.io(index, size: size))
            }
        }
        return (bars, bytes)
    }

    /// The machine's windows have room for a few of them.
    private static let largestBAR: UInt64 = 1 << 30

    /// Command and BARs as the machine keeps them itself: a device does not choose where it is.
    func header() throws(ClientError) -> ConfigSpace {
        let identity = PCIIdentity(
            vendor: 0, device: 0, subsystem: (0, 0), revision: 0,
            classCode: ClassCode(baseClass: 0, subClass: 0))
        do throws(PCIDescriptionError) {
            return ConfigSpace(try PCIFunctionDescription(identity: identity, bars: bars))
        } catch { throw .device("its BARs cannot be: \(error)") }
    }
}
