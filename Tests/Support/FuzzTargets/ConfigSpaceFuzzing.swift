import MessageSignaledInterrupts
import PCIConfigSpace
import Registers

/// Accesses to two configuration spaces, with what must hold whatever a guest writes.
enum ConfigSpaceFuzzing {
    private static let functions: [PCIFunctionDescription] = {
        let identity = PCIIdentity(
            vendor: 0x1234, device: 0x5678, classCode: ClassCode(baseClass: 8, subClass: 0x80))
        let descriptions = [
            try? PCIFunctionDescription(
                identity: identity, interruptPin: .inta,
                bars: [
                    .memory32(0, size: 0x1000), .memory64(1, size: 0x4000), .io(3, size: 32),
                ],
                capabilities: [
                    .powerManagement(noSoftReset: false), .pciExpress(),
                    .msix(
                        tableSize: 9, tableBAR: 1, tableOffset: 0, pbaBAR: 1, pbaOffset: 0x2000),
                    .vendor([1, 2, 3], writable: [0, 0xff, 0x0f]),
                ] + (MSILayout(messages: 8, hasExtendedData: true).map { [.msi($0)] } ?? [])),
            try? PCIFunctionDescription(
                identity: identity,
                capabilities: MSILayout(messages: 2, is64Bit: false, hasMasking: false)
                    .map { [.msi($0)] } ?? []),
        ]
        return descriptions.compactMap { $0 }
    }()

    static func run(_ input: inout FuzzInput) -> String? {
        guard functions.count == 2 else { return "the functions are described rightly" }
        let function = functions[input.number(below: 2)]
        var config = ConfigSpace(function)
        let fresh = config.bytes
        let constant = constantBits(of: function)
        var changes = ConfigChanges()
        while input.hasMore {
            let width = AccessWidth.allCases[input.number(below: 4)]
            let offset = Int(input.word() & 0x1fff) - 16
            switch input.number(below: 5) {
            case 0: _ = config.read(at: offset, width)
            case 1: config.reset(input.flag() ? .function : .conventional)
            case 2: config.setMSIPending(input.word())
            case 3: config.setInterruptStatus(input.flag())
            default: config.write(at: offset, width, input.long(), into: &changes)
            }
            for (offset, mask) in constant where (config.bytes[offset] ^ fresh[offset]) & mask != 0
            {
                return "read-only byte \(offset) has changed"
            }
            if let msi = config.msiRegisters, let layout = function.msiLayout,
                msi.granted > layout.messages || msi.address & 3 != 0
            {
                return "MSI grants \(msi.granted) at \(msi.address)"
            }
        }
        return nil
    }

    /// Bits of the header that nothing may change: identity, class, capabilities pointer, pin.
    private static func constantBits(of function: PCIFunctionDescription) -> [(Int, UInt8)] {
        let whole = Array(0x00..<0x04) + Array(0x08..<0x0c) + [0x0e, 0x34, 0x3d]
        let offsets = function.capabilityOffsets.flatMap { [$0, $0 + 1] }
        return (whole + offsets).map { ($0, 0xff) }
    }
}
