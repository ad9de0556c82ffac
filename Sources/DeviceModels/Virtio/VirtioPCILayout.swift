import MessageSignaledInterrupts
import PCIConfigSpace
import Registers

/// Where the structures of a virtio-pci function lie (virtio 1.2 §4.1.4).
///
/// BAR 0 holds the virtio structures, one a page; BAR 1 holds the MSI-X table and the Pending Bit
/// Array in pages of their own, so that a VMM traps nothing else with them.
enum VirtioPCILayout {
    static let page = 4096
    static let structuresBAR = 0
    static let structuresBytes = 4 * page
    static let common = 0
    static let isr = page
    static let deviceSpecific = 2 * page
    static let notifications = 3 * page
    static let notifyMultiplier = 4
    static let messagesBAR = 1

    static func pendingOffset(tableSize: Int) -> Int {
        let bytes = MSIXCapability.tableBytes(tableSize: tableSize)
        return (bytes + page - 1) / page * page
    }

    static func messagesBytes(tableSize: Int) -> Int {
        let needed = pendingOffset(tableSize: tableSize) + page
        var size = page
        while size < needed { size *= 2 }
        return size
    }

    /// Configuration structure types (virtio 1.2 §4.1.4).
    enum StructureType: UInt8 {
        case common = 1
        case notifications = 2
        case isr = 3
        case deviceSpecific = 4
        case barWindow = 5
    }

    /// The function that carries `device`, with a table of `tableSize` vectors, or none for 0.
    static func function(
        of device: some VirtioDevice, vectors tableSize: Int
    ) -> PCIFunctionDescription {
        var bars: [BAR] = [.memory32(structuresBAR, size: UInt64(structuresBytes))]
        var messages: [PCICapability] = []
        if tableSize > 0 {
            let bytes = UInt64(messagesBytes(tableSize: tableSize))
            bars.append(.memory32(messagesBAR, size: bytes))
            messages.append(
                .msix(
                    tableSize: tableSize, tableBAR: messagesBAR, tableOffset: 0,
                    pbaBAR: messagesBAR, pbaOffset: pendingOffset(tableSize: tableSize)))
        }
        do throws(PCIDescriptionError) {
            return try PCIFunctionDescription(
                identity: PCIIdentity(
                    vendor: 0x1af4, device: 0x1040 + device.deviceID,
                    subsystem: (vendor: 0x1af4, id: 0x1100), revision: 1,
                    classCode: device.classCode),
                interruptPin: .inta,
                bars: bars,
                capabilities: structures(of: device) + messages + [
                    .powerManagement(noSoftReset: true), .pciExpress(),
                ])
        } catch {
            preconditionFailure("the layout of virtio structures is a valid function: \(error)")
        }
    }

    /// The offset of the capability through which the guest reaches BARs.
    static func barWindowOffset(in function: PCIFunctionDescription) -> Int? {
        for (capability, offset) in zip(function.capabilities, function.capabilityOffsets) {
            guard case .vendor(let body, _) = capability else { continue }
            if body.first == StructureType.barWindow.rawValue { return offset }
        }
        return nil
    }

    private static func structures(of device: some VirtioDevice) -> [PCICapability] {
        let notifyBytes = device.queueSizes.count * notifyMultiplier
        var list: [PCICapability] = [
            .vendor(capability(.common, offset: common, length: VirtioCommonRegister.bytes)),
            .vendor(
                capability(
                    .notifications, offset: notifications, length: notifyBytes,
                    extra: UInt32(notifyMultiplier))),
            .vendor(capability(.isr, offset: isr, length: 1)),
        ]
        if !device.configuration.isEmpty {
            list.append(
                .vendor(
                    capability(
                        .deviceSpecific, offset: deviceSpecific,
                        length: device.configuration.count)))
        }
        // BAR, offset and length are the guest's to write; the data register is the window itself.
        let writable: [UInt8] =
            [0, 0xff, 0, 0, 0] + [UInt8](repeating: 0xff, count: 8) + [0, 0, 0, 0]
        list.append(.vendor(capability(.barWindow, extra: 0), writable: writable))
        return list
    }

    /// The body of a structure's capability behind its ID, next pointer and length.
    static func capability(
        _ type: StructureType, offset: Int = 0, length: Int = 0, extra: UInt32? = nil
    ) -> [UInt8] {
        var body: [UInt8] = [type.rawValue, UInt8(structuresBAR), 0, 0, 0]
        body.appendLittleEndian(UInt32(offset))
        body.appendLittleEndian(UInt32(length))
        if let extra { body.appendLittleEndian(extra) }
        return body
    }
}
