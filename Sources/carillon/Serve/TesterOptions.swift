import ArgumentParser
import DeviceModels
import MessageSignaledInterrupts

/// A PASID of the guest and the host's that stands for it, as `--pasid` says them.
struct PASIDPair: ExpressibleByArgument {
    let guest: PASID
    let host: PASID

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let guest = Self.pasid(parts[0]), let host = Self.pasid(parts[1])
        else { return nil }
        self.guest = guest
        self.host = host
    }

    private static func pasid(_ text: Substring) -> PASID? {
        let isHex = text.hasPrefix("0x")
        return UInt32(isHex ? text.dropFirst(2) : text, radix: isHex ? 16 : 10)
            .flatMap { PASID($0) }
    }
}

/// What an `interrupt-tester` is to have.
struct TesterOptions: ParsableArguments {
    @Option(help: "Vectors of the MSI-X table, 0 to 2048; 0 for no MSI-X. Default: 2048.")
    var msix: Int?

    @Option(help: "MSI messages: 1, 2, 4, 8, 16 or 32; 0 for no MSI. Default: 32.")
    var msi: Int?

    @Flag(name: .customLong("msi-32-bit"), help: "MSI without Message Upper Address.")
    var msi32Bit = false

    @Flag(help: "MSI without Mask Bits and Pending Bits.")
    var msiNoMask = false

    @Flag(help: "MSI with Extended Message Data.")
    var msiExtendedData = false

    @Flag(help: "No interrupt pin.")
    var noIntx = false

    @Option(help: "Slots of an interrupt message store, 0 to 2048. Default: 0, no store.")
    var ims: Int?

    @Flag(help: "The store's slots in guest memory, and not in BAR 4.")
    var imsInMemory = false

    @Option(
        help: ArgumentHelp(
            """
            Which PASID of the host stands for which of the guest in slots that name one; others \
            are refused in the slot. May be repeated.
            """, valueName: "guest:host"))
    var pasid: [PASIDPair] = []

    /// Whether any of these was given.
    var isGiven: Bool {
        msix != nil || msi != nil || msi32Bit || msiNoMask || msiExtendedData || noIntx
            || ims != nil || imsInMemory || !pasid.isEmpty
    }

    /// The tester that they describe.
    var configuration: InterruptTester.Configuration {
        let messages = MSILayout(
            messages: msi ?? 32, is64Bit: !msi32Bit, hasMasking: !msiNoMask,
            hasExtendedData: msiExtendedData)
        return .init(
            vectors: msix ?? 2048, messages: messages, hasPin: !noIntx, slots: ims ?? 0,
            store: imsInMemory ? .queue : .array,
            pasids: Dictionary(pasid.map { ($0.guest, $0.host) }, uniquingKeysWith: { $1 }))
    }

    func validate() throws {
        guard (0...2048).contains(msix ?? 0) else {
            throw ValidationError("--msix takes a number from 0 to 2048.")
        }
        guard (0...2048).contains(ims ?? 0) else {
            throw ValidationError("--ims takes a number from 0 to 2048.")
        }
        guard !imsInMemory || ims ?? 0 > 0 else {
            throw ValidationError("--ims-in-memory needs --ims with the number of slots.")
        }
        guard pasid.isEmpty || ims ?? 0 > 0 else {
            throw ValidationError("--pasid needs --ims with the number of slots.")
        }
        guard [0, 1, 2, 4, 8, 16, 32].contains(msi ?? 0) else {
            throw ValidationError("--msi takes 0, 1, 2, 4, 8, 16 or 32.")
        }
    }
}
