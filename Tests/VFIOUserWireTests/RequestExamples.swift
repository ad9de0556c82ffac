import Registers
import Testing
import VFIOInterface
import VFIOUserWire

/// A command written down byte for byte after the specification's tables.
struct RequestExample: CustomTestStringConvertible, Sendable {
    let name: String
    let command: UInt16
    var sender: Peer = .client
    var descriptors = 0
    let payload: [UInt8]
    let parsed: RequestMessage
    /// The codec's own encoding of the same payload.
    let encode: @Sendable (inout [UInt8]) -> Void
    /// Lengths below the whole at which the payload is a legal command, too.
    var legalPrefixes: Set<Int> = []

    var testDescription: String { name }

    static let context = RequestContext(
        sender: .client,
        limits: WireLimits(),
        irqCounts: IRQCounts(intx: 1, msi: 8, msix: 9, error: 1, request: 1),
    )

    var context: RequestContext {
        var context = Self.context
        context.sender = sender
        return context
    }

    func parse(_ bytes: [UInt8]) throws(WireViolation) -> RequestMessage {
        let command = Command(rawValue: command)
        let header = MessageHeader(
            id: 1, command: command, size: UInt32(16 + bytes.count),
            kind: .command(noReply: false),
        )
        return try bytes.withRawSpan { span throws(WireViolation) in
            try RequestMessage.parse(
                header, payload: span, descriptors: descriptors, context: context,
            )
        }
    }

    static var all: [RequestExample] { setup + information + access + features }
}

/// Parses bytes of a test; a refusal is a mistake in the example.
func legal<Value>(
    _ bytes: [UInt8], _ parse: (RawSpan) throws(WireViolation) -> Value
) -> Value {
    do throws(WireViolation) {
        return try bytes.withRawSpan { span throws(WireViolation) in try parse(span) }
    } catch {
        preconditionFailure("an example is not legal: \(error)")
    }
}

extension RequestExample {
    private static let versionPayload =
        hex("0000 0200") + Array(#"{"capabilities":{"max_msg_fds":8}}"#.utf8) + [0]
    private static let mapPayload = hex(
        """
        20000000 03000000 0000100000000000 0000100000000000 0000f01f00000000
        """
    )
    private static let unmapPayload = hex("18000000 00000000 00000c0000000000 0000020000000000")
    private static let unmapDirtyPayload = hex(
        """
        30000000 01000000 0000000000000000 0000010000000000
        0010000000000000 0800000000000000
        """
    )

    static let setup: [RequestExample] = [
        RequestExample(
            name: "VERSION", command: 1, payload: versionPayload,
            parsed: .version(
                legal(versionPayload) { (span) throws(WireViolation) in
                    try VersionMessage(parsing: span, limits: WireLimits())
                }
            ),
            encode: {
                var capabilities = VersionCapabilities()
                capabilities.maxMessageFDs = 8
                VersionMessage.encode(minor: 2, capabilities: capabilities, into: &$0)
            },
            legalPrefixes: [4],
        ),
        RequestExample(
            name: "DMA_MAP", command: 2, descriptors: 1, payload: mapPayload,
            parsed: .dmaMap(
                DMAMapRequest(
                    flags: [.read, .write], fileOffset: 0x10_0000,
                    addresses: 0x10_0000...0x1fff_ffff,
                )
            ),
            encode: {
                DMAMapRequest(
                    flags: [.read, .write], fileOffset: 0x10_0000,
                    addresses: 0x10_0000...0x1fff_ffff,
                ).encode(into: &$0)
            },
        ),
        RequestExample(
            name: "DMA_UNMAP", command: 3, payload: unmapPayload,
            parsed: .dmaUnmap(DMAUnmapRequest(addresses: 0xc_0000...0xd_ffff)),
            encode: { DMAUnmapRequest(addresses: 0xc_0000...0xd_ffff).encode(into: &$0) },
        ),
        RequestExample(
            name: "DMA_UNMAP with bitmap", command: 3, payload: unmapDirtyPayload,
            parsed: .dmaUnmap(
                DMAUnmapRequest(
                    addresses: 0...0xffff, bitmap: DirtyBitmapHeader(pageSize: 4096, size: 8),
                )
            ),
            encode: {
                DMAUnmapRequest(
                    addresses: 0...0xffff, bitmap: DirtyBitmapHeader(pageSize: 4096, size: 8),
                ).encode(into: &$0)
            },
        ),
        RequestExample(
            name: "DMA_UNMAP all", command: 3,
            payload: hex("18000000 02000000 0000000000000000 0000000000000000"),
            parsed: .dmaUnmap(.all),
            encode: { DMAUnmapRequest.all.encode(into: &$0) },
        ),
        RequestExample(
            name: "DEVICE_RESET", command: 13, payload: [], parsed: .reset, encode: { _ in },
        ),
    ]

    static let information: [RequestExample] = [
        RequestExample(
            name: "DEVICE_GET_INFO", command: 4, payload: words(16, 0, 0, 0),
            parsed: .getInfo(GetInfoRequest()),
            encode: { GetInfoRequest().encode(into: &$0) },
        ),
        RequestExample(
            name: "DEVICE_GET_REGION_INFO", command: 5,
            payload: words(64, 0, 7, 0, 0, 0, 0, 0),
            parsed: .getRegionInfo(GetRegionInfoRequest(index: .config, argsz: 64)),
            encode: { GetRegionInfoRequest(index: .config, argsz: 64).encode(into: &$0) },
        ),
        RequestExample(
            name: "DEVICE_GET_REGION_IO_FDS", command: 6, payload: words(16, 0, 2, 0),
            parsed: .getRegionIOFDs(GetRegionIOFDsRequest(index: .bar2)),
            encode: { GetRegionIOFDsRequest(index: .bar2).encode(into: &$0) },
        ),
        RequestExample(
            name: "DEVICE_GET_IRQ_INFO", command: 7, payload: words(16, 0, 3, 0),
            parsed: .getIRQInfo(GetIRQInfoRequest(index: .error)),
            encode: { GetIRQInfoRequest(index: .error).encode(into: &$0) },
        ),
        RequestExample(
            name: "DEVICE_SET_IRQS", command: 8, descriptors: 1,
            payload: words(20, 0x24, 2, 1, 1),
            parsed: .setIRQs(
                IRQSet(index: .msix, range: 1..<2, action: .trigger, data: .eventfd)
            ),
            encode: {
                IRQSet(index: .msix, range: 1..<2, action: .trigger, data: .eventfd)
                    .encode(into: &$0)
            },
        ),
    ]
}

extension RequestExample {
    private static let writePayload = hex("a000000000000000 00000000 04000000 00005080")
    private static let multiPayload = hex(
        """
        0200000000000000
        1000000000000000 00000000 04000000 4433221100000000
        1800000000000000 02000000 08000000 8877665544332211
        """
    )
    private static let dmaWritePayload = hex("00f0ff0f00000000 0300000000000000 aabbcc")
    private static let configRead = RegionAccess(region: .config, range: 0..<256)
    private static let multiWrites = [
        RegionWriteMultiRequest.Write(
            access: RegionAccess(region: .bar0, range: 0x10..<0x14), data: 0x1122_3344,
        ),
        RegionWriteMultiRequest.Write(
            access: RegionAccess(region: .bar2, range: 0x18..<0x20), data: 0x1122_3344_5566_7788,
        ),
    ]

    static let access: [RequestExample] = [
        RequestExample(
            name: "REGION_READ", command: 9, payload: words(0, 0, 7, 256),
            parsed: .regionRead(RegionReadRequest(access: configRead)),
            encode: { RegionReadRequest(access: configRead).encode(into: &$0) },
        ),
        RequestExample(
            name: "REGION_WRITE", command: 10, payload: writePayload,
            parsed: .regionWrite(
                legal(writePayload) { (span) throws(WireViolation) in
                    try RegionWriteRequest(parsing: span, limits: WireLimits())
                }
            ),
            encode: {
                let access = RegionAccess(region: .bar0, range: 0xa0..<0xa4)
                RegionWriteRequest.encode(access, data: [0, 0, 0x50, 0x80], into: &$0)
            },
        ),
        RequestExample(
            name: "DMA_READ", command: 11, sender: .server,
            payload: hex("0010000000000000 0000020000000000"),
            parsed: .dmaRead(
                DMAReadRequest(access: DMAAccess(address: 0x1000, count: 0x2_0000))
            ),
            encode: {
                DMAReadRequest(access: DMAAccess(address: 0x1000, count: 0x2_0000))
                    .encode(into: &$0)
            },
        ),
        RequestExample(
            name: "DMA_WRITE", command: 12, sender: .server, payload: dmaWritePayload,
            parsed: .dmaWrite(
                legal(dmaWritePayload) { (span) throws(WireViolation) in
                    try DMAWriteRequest(parsing: span, limits: WireLimits())
                }
            ),
            encode: {
                let access = DMAAccess(address: 0xfff_f000, count: 3)
                DMAWriteRequest.encode(access, data: [0xaa, 0xbb, 0xcc], into: &$0)
            },
        ),
        RequestExample(
            name: "REGION_WRITE_MULTI", command: 15, payload: multiPayload,
            parsed: .regionWriteMulti(
                legal(multiPayload) { (span) throws(WireViolation) in
                    try RegionWriteMultiRequest(parsing: span)
                }
            ),
            encode: { RegionWriteMultiRequest.encode(multiWrites, into: &$0) },
        ),
    ]
}

extension RequestExample {
    private static let featurePayload = hex("10000000 02000200 02000000 00000000")
    private static let migrationPayload = hex("0c000000 04000000 01020304")

    static let features: [RequestExample] = [
        RequestExample(
            name: "DEVICE_FEATURE", command: 16, payload: featurePayload,
            parsed: .deviceFeature(
                legal(featurePayload) { (span) throws(WireViolation) in
                    try DeviceFeatureMessage(parsing: span)
                }
            ),
            encode: {
                DeviceFeatureMessage.encodeRequest(
                    DeviceFeatureFlags(index: .migrationDeviceState, operation: .set),
                    data: words(2, 0), answerSize: 8, into: &$0,
                )
            },
            legalPrefixes: Set(8..<16),
        ),
        RequestExample(
            name: "MIG_DATA_READ", command: 17, payload: words(0x1008, 0x1000),
            parsed: .migrationDataRead(MigrationDataReadRequest(size: 0x1000)),
            encode: { MigrationDataReadRequest(size: 0x1000).encode(into: &$0) },
        ),
        RequestExample(
            name: "MIG_DATA_WRITE", command: 18, payload: migrationPayload,
            parsed: .migrationDataWrite(
                legal(migrationPayload) { (span) throws(WireViolation) in
                    try MigrationData(parsing: span, limits: WireLimits())
                }
            ),
            encode: { MigrationData.encode([1, 2, 3, 4], into: &$0) },
        ),
    ]
}
