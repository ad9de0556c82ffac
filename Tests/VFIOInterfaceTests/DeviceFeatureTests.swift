import Registers
import Testing
import VFIOInterface

@Suite struct DeviceFeatureTests {
    /// The law: GET or SET alone, or PROBE with any of them; nothing above bit 18.
    @Test func everyCombinationOfMethodBitsIsJudged() {
        for bits in UInt32(0)..<32 {
            let rawValue = bits << 16 | 7
            let flags = DeviceFeatureFlags(rawValue: rawValue)
            let isLegal = bits < 8 && (bits >= 4 || bits == 1 || bits == 2)
            #expect((flags != nil) == isLegal, "\(bits)")
            if let flags {
                #expect(flags.rawValue == rawValue)
                #expect(flags.index == .dmaLoggingStop)
            }
        }
    }

    @Test func probingNamesTheWantedMethods() {
        let flags = DeviceFeatureFlags(rawValue: 0x0007_0001)
        #expect(flags?.operation == .probe([.get, .set]))
        #expect(flags?.index == .migration)
    }

    @Test(arguments: MigrationState.allCases)
    func aMigrationStateIsEightBytes(state: MigrationState) throws {
        var bytes: [UInt8] = []
        MigrationDeviceState(state: state).encode(into: &bytes)
        #expect(bytes == words(state.rawValue, 0))
        let parsed = try bytes.withRawSpan { try MigrationDeviceState(parsing: $0) }
        #expect(parsed.state == state)
    }

    @Test func unknownMigrationStatesAreRefused() {
        #expect(throws: LayoutRefusal.unknownMigrationState) {
            try words(8, 0).withRawSpan { try MigrationDeviceState(parsing: $0) }
        }
    }

    @Test func migrationFlagsAreEightBytes() throws {
        var bytes: [UInt8] = []
        MigrationFlags([.stopCopy, .preCopy]).encode(into: &bytes)
        #expect(bytes == words(5, 0))
        #expect(try bytes.withRawSpan { try MigrationFlags(parsing: $0) } == [.stopCopy, .preCopy])
    }

    @Test func dmaLoggingNamesItsRanges() throws {
        let control = DMALoggingControl(
            pageSize: 4096, ranges: [0...0xfff, 0xffff_ffff_ffff_f000...UInt64.max],
        )
        var bytes: [UInt8] = []
        control.encode(into: &bytes)
        let expected =
            words(4096, 0, 2, 0) + words(0, 0, 0x1000, 0)
            + words(0xffff_f000, 0xffff_ffff, 0x1000, 0)
        #expect(bytes == expected)
        #expect(try bytes.withRawSpan { try DMALoggingControl(parsing: $0) } == control)
        for length in 0..<bytes.count {
            #expect(throws: LayoutRefusal.truncated) {
                try Array(bytes.prefix(length)).withRawSpan { try DMALoggingControl(parsing: $0) }
            }
        }
    }

    @Test func aHugeRangeCountIsTruncated() {
        #expect(throws: LayoutRefusal.truncated) {
            try words(4096, 0, .max, 0).withRawSpan { try DMALoggingControl(parsing: $0) }
        }
    }

    @Test(arguments: [
        (words(2, 0, 0xffff_ffff, 0xffff_ffff), LayoutRefusal.addressRange),
        (words(0, 0, 0, 0), .addressRange),
    ])
    func loggingRangesMustBeInBounds(range: [UInt8], refusal: LayoutRefusal) {
        #expect(throws: refusal) {
            try (words(4096, 0, 1, 0) + range).withRawSpan { try DMALoggingControl(parsing: $0) }
        }
    }

    @Test(arguments: [
        (UInt64(0x1000), UInt64(8)), (0x40000, 8), (0x41000, 16), (0x4000_0000, 0x8000),
    ])
    func aReportSaysHowLongItsBitmapIs(length: UInt64, bitmapSize: UInt64) throws {
        let report = DMALoggingReport(range: 0x8000...(0x8000 + length - 1), pageSize: 4096)
        #expect(report.bitmapSize == bitmapSize)
        var bytes: [UInt8] = []
        report.encode(into: &bytes)
        #expect(bytes.count == DMALoggingReport.fixedSize)
        #expect(try bytes.withRawSpan { try DMALoggingReport(parsing: $0) } == report)
    }

    @Test(arguments: [UInt32(0), 3, 4097])
    func pageSizesArePowersOfTwo(pageSize: UInt32) {
        #expect(throws: LayoutRefusal.pageSize) {
            try words(0, 0, 1, 0, pageSize, 0).withRawSpan { try DMALoggingReport(parsing: $0) }
        }
    }
}
