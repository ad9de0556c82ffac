import Registers
import Testing
import VFIOInterface
import VFIOUserWire

/// The payload of an answer written down byte for byte after the specification's tables.
struct ReplyExample: CustomTestStringConvertible, Sendable {
    let name: String
    let payload: [UInt8]
    /// The codec's own encoding of the same payload.
    let encode: @Sendable (inout [UInt8]) -> Void
    /// Reads the payload, writes what was read again, and returns that.
    let rewrite: @Sendable ([UInt8]) throws(WireViolation) -> [UInt8]
    /// Lengths below the whole at which the payload is a legal answer, too.
    var legalPrefixes: Set<Int> = []

    var testDescription: String { name }

    static let limits = WireLimits()

    static var all: [ReplyExample] { information + access + others }
}

/// Reads `bytes` with `parse`, and returns what `write` makes of the value.
private func rewritten<Value>(
    _ bytes: [UInt8],
    _ parse: (RawSpan) throws(WireViolation) -> Value,
    _ write: (Value, inout [UInt8]) -> Void,
) throws(WireViolation) -> [UInt8] {
    let value = try bytes.withRawSpan { span throws(WireViolation) in try parse(span) }
    var output: [UInt8] = []
    write(value, &output)
    return output
}

extension ReplyExample {
    private static let bar2 = RegionInfo(
        index: .bar2, flags: [.read, .write, .mmap], size: 0x2_0000,
        capabilities: [.sparseMmap([SparseMmapArea(offset: 0x1000, size: 0x1f000)])],
    )
    private static let doorbell = IOSubregion(
        offset: 0x1000, size: 4, descriptorIndex: 0, kind: .ioeventfd, flags: 1,
        value: 0x8877_6655_4433_2211,
    )

    static let information: [ReplyExample] = [
        ReplyExample(
            name: "DEVICE_GET_INFO",
            payload: words(16, 3, 9, 5),
            encode: {
                let info = DeviceInfo(flags: [.reset, .pci], regionCount: 9, irqIndexCount: 5)
                GetInfoReply(info: info).encode(into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, GetInfoReply.init(parsing:)) { $0.encode(into: &$1) }
            },
        ),
        ReplyExample(
            name: "DEVICE_GET_REGION_INFO",
            payload: words(64, 0xf, 2, 32, 0x2_0000, 0, 0, 0)
                + words(0x0001_0001, 0, 1, 0, 0x1000, 0, 0x1f000, 0),
            encode: { _ = bar2.encode(into: &$0, argsz: 64) },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, GetRegionInfoReply.init(parsing:)) {
                    $0.info.encode(into: &$1, argsz: $0.argsz)
                }
            },
        ),
        ReplyExample(
            name: "DEVICE_GET_REGION_IO_FDS",
            payload: words(56, 0, 2, 1)
                + words(0x1000, 0, 4, 0, 0, 0, 1, 0, 0x4433_2211, 0x8877_6655),
            encode: {
                GetRegionIOFDsReply(index: .bar2, subregions: [doorbell])
                    .encode(into: &$0, available: 56)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, GetRegionIOFDsReply.init(parsing:)) {
                    $0.encode(into: &$1, available: $0.argsz)
                }
            },
            legalPrefixes: Set(16..<56),
        ),
        ReplyExample(
            name: "DEVICE_GET_IRQ_INFO",
            payload: words(16, 1, 2, 9),
            encode: {
                let info = IRQInfo(index: .msix, flags: .eventfd, count: 9)
                GetIRQInfoReply(info: info).encode(into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, GetIRQInfoReply.init(parsing:)) { $0.encode(into: &$1) }
            },
        ),
    ]

    static let access: [ReplyExample] = [
        ReplyExample(
            name: "REGION_READ",
            payload: words(0x90, 0, 0, 4) + [0xde, 0xad, 0xbe, 0xef],
            encode: {
                let access = RegionAccess(region: .bar0, range: 0x90..<0x94)
                RegionReadReply.encode(access, data: [0xde, 0xad, 0xbe, 0xef], into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    try RegionReadReply(parsing: span, limits: limits)
                } _: {
                    RegionReadReply.encode($0.access, data: bytes[$0.data], into: &$1)
                }
            },
        ),
        ReplyExample(
            name: "REGION_WRITE",
            payload: words(0x90, 0, 0, 4),
            encode: {
                let access = RegionAccess(region: .bar0, range: 0x90..<0x94)
                RegionWriteReply(access: access).encode(into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    try RegionWriteReply(parsing: span, limits: limits)
                } _: {
                    $0.encode(into: &$1)
                }
            },
        ),
        ReplyExample(
            name: "DMA_READ",
            payload: words(0x1000, 1, 3, 0) + [1, 2, 3],
            encode: {
                let access = DMAAccess(address: 0x1_0000_1000, count: 3)
                DMAReadReply.encode(access, data: [1, 2, 3], into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    try DMAReadReply(parsing: span, limits: limits)
                } _: {
                    DMAReadReply.encode($0.access, data: bytes[$0.data], into: &$1)
                }
            },
        ),
        ReplyExample(
            name: "DMA_WRITE",
            payload: words(0x1000, 1, 3, 0),
            encode: {
                let access = DMAAccess(address: 0x1_0000_1000, count: 3)
                DMAWriteReply(access: access).encode(into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    try DMAWriteReply(parsing: span, limits: limits)
                } _: {
                    $0.encode(into: &$1)
                }
            },
        ),
        ReplyExample(
            name: "REGION_WRITE_MULTI",
            payload: words(200, 0),
            encode: { RegionWriteMultiReply(count: 200).encode(into: &$0) },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, RegionWriteMultiReply.init(parsing:)) {
                    $0.encode(into: &$1)
                }
            },
        ),
    ]
}

extension ReplyExample {
    private static let unmapped = DMAUnmapRequest(addresses: 0xc_0000...0xd_ffff)
    private static let unmappedDirty = DMAUnmapRequest(
        addresses: 0...0xffff, bitmap: DirtyBitmapHeader(pageSize: 4096, size: 8),
    )

    private static func rewriteUnmap(_ bytes: [UInt8]) throws(WireViolation) -> [UInt8] {
        try rewritten(bytes) { (span) throws(WireViolation) in
            try DMAUnmapReply(parsing: span, limits: limits)
        } _: {
            DMAUnmapReply.encode($0.request, bitmap: Array(bytes[$0.bitmap]), into: &$1)
        }
    }

    static let others: [ReplyExample] = [
        ReplyExample(
            name: "VERSION",
            payload: hex("0000 0000") + Array(#"{"capabilities":{"max_msg_fds":16}}"#.utf8) + [0],
            encode: {
                var capabilities = VersionCapabilities()
                capabilities.maxMessageFDs = 16
                VersionMessage.encode(minor: 0, capabilities: capabilities, into: &$0)
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    let message = try VersionMessage(parsing: span, limits: limits)
                    return (message.minor, try message.capabilities(in: span))
                } _: {
                    VersionMessage.encode(minor: $0.0, capabilities: $0.1, into: &$1)
                }
            },
            legalPrefixes: [4],
        ),
        ReplyExample(
            name: "DMA_UNMAP",
            payload: words(24, 0, 0xc_0000, 0, 0x2_0000, 0),
            encode: { DMAUnmapReply.encode(unmapped, into: &$0) },
            rewrite: rewriteUnmap,
        ),
        ReplyExample(
            name: "DMA_UNMAP with bitmap",
            payload: words(48, 1, 0, 0, 0x1_0000, 0, 4096, 0, 8, 0) + [5, 0, 0, 0, 0, 0, 0, 0x80],
            encode: {
                DMAUnmapReply.encode(
                    unmappedDirty, bitmap: [5, 0, 0, 0, 0, 0, 0, 0x80], into: &$0,
                )
            },
            rewrite: rewriteUnmap,
        ),
        ReplyExample(
            name: "DEVICE_FEATURE",
            payload: words(16, 0x0001_0001, 5, 0),
            encode: {
                DeviceFeatureMessage.encodeReply(
                    DeviceFeatureFlags(index: .migration, operation: .get),
                    data: words(5, 0), into: &$0,
                )
            },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes, DeviceFeatureMessage.init(parsing:)) {
                    DeviceFeatureMessage.encodeReply(
                        $0.flags, data: Array(bytes[$0.data]), into: &$1)
                }
            },
            legalPrefixes: Set(8..<16),
        ),
        ReplyExample(
            name: "MIG_DATA_READ",
            payload: words(11, 3) + [9, 8, 7],
            encode: { MigrationData.encode([9, 8, 7], into: &$0) },
            rewrite: { bytes throws(WireViolation) in
                try rewritten(bytes) { (span) throws(WireViolation) in
                    try MigrationData(parsing: span, limits: limits)
                } _: {
                    MigrationData.encode(bytes[$0.data], into: &$1)
                }
            },
        ),
    ]
}
