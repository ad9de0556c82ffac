import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// Every access of every width at every offset does what a byte-by-byte reading of the
/// specification says.
@Suite struct AccessTests {
    static let patterns: [UInt64] = [
        0, .max, 0xAAAA_AAAA_AAAA_AAAA, 0x5555_5555_5555_5555, 0x0123_4567_89AB_CDEF,
        0xC3A5_0F96_3C5A_F069,
    ]

    /// The states from which every write is tried.
    enum Start: CaseIterable {
        case reset, allOnesWritten, errorsRecorded
    }

    private static func start(_ start: Start) throws -> (ConfigSpace, ByteMaskOracle) {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var oracle = ByteMaskOracle()
        var changes = ConfigChanges()
        switch start {
        case .reset: break
        case .allOnesWritten:
            for offset in 0..<4096 {
                config.write(at: offset, .byte, 0xFF, into: &changes)
                oracle.write(at: offset, count: 1, 0xFF)
            }
        case .errorsRecorded:
            config.record(StatusErrors(rawValue: .max))
            config.record(DeviceErrors(rawValue: .max))
            oracle.bytes[0x07] = 0xF9
            oracle.bytes[0x52] = 0x0F
        }
        return (config, oracle)
    }

    @Test(.rules("CFG-2", "CFG-5", "CFG-6", "CFG-9", "CFG-10"))
    func resetImageIsTheHandWrittenOne() throws {
        let config = ConfigSpace(try ExampleFunctions.everything())
        let oracle = ByteMaskOracle()
        let differing = (0..<4096).filter { config.bytes[$0] != oracle.bytes[$0] }
        #expect(differing.isEmpty)
        #expect(config.bytes.count == 4096)
    }

    @Test(
        .rules("CFG-2", "CFG-3", "CFG-4", "CFG-8"), arguments: AccessWidth.allCases, Start.allCases)
    func everyWriteAtEveryOffsetActsOnTheBytesItTouches(
        width: AccessWidth, from start: Start
    ) throws {
        let (config, oracle) = try Self.start(start)
        var wrong: [(offset: Int, pattern: UInt64)] = []
        for offset in -9..<4106 {
            for pattern in Self.patterns {
                var written = config
                var expected = oracle
                var changes = ConfigChanges()
                written.write(at: offset, width, pattern, into: &changes)
                expected.write(at: offset, count: width.bytes, pattern)
                let straddlesEnd = offset < 0 || offset + width.bytes > 4096
                if written.bytes != expected.bytes
                    || written.oddAccesses.writes != (straddlesEnd ? 1 : 0)
                {
                    wrong.append((offset, pattern))
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test(.rules("CFG-3", "CFG-4"), arguments: AccessWidth.allCases)
    func everyReadAtEveryOffsetReturnsTheBytesItTouches(width: AccessWidth) throws {
        let (config, oracle) = try Self.start(.allOnesWritten)
        var wrong: [Int] = []
        for offset in -9..<4106 {
            var read = config
            let straddlesEnd = offset < 0 || offset + width.bytes > 4096
            let value = read.read(at: offset, width)
            if value != oracle.read(at: offset, count: width.bytes)
                || read.oddAccesses.reads != (straddlesEnd ? 1 : 0)
            {
                wrong.append(offset)
            }
        }
        #expect(wrong.isEmpty)
    }

    /// For every bit of the space: setting it alone, and clearing it alone, changes that bit if
    /// it can be written and nothing else ever.
    @Test(.rules("CFG-2", "CFG-3"), arguments: Start.allCases)
    func everySingleBitChangesAloneAndOnlyIfWritable(from start: Start) throws {
        let (config, oracle) = try Self.start(start)
        var wrong: [(offset: Int, bit: Int, set: Bool)] = []
        for offset in 0..<4096 {
            for bit in 0..<8 {
                for set in [true, false] {
                    let mask: UInt8 = 1 << bit
                    // Written zeros keep bits that ones clear.
                    let kept = oracle.bytes[offset] & ~oracle.clears[offset]
                    let value = set ? kept | mask : kept & ~mask
                    var written = config
                    var expected = oracle
                    var changes = ConfigChanges()
                    written.write(at: offset, .byte, UInt64(value), into: &changes)
                    expected.write(at: offset, count: 1, UInt64(value))
                    let flipped = written.bytes[offset] ^ config.bytes[offset]
                    let allowed = mask & (oracle.stores[offset] | oracle.clears[offset])
                    if written.bytes != expected.bytes || flipped & ~allowed != 0 {
                        wrong.append((offset, bit, set))
                    }
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test(.rules("CFG-1", "CFG-4"))
    func aFunctionWithoutPCIExpressEndsAt256Bytes() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        #expect(config.bytes.count == 256)
        #expect(config.read(at: 0x100, .dword) == 0xFFFF_FFFF)
        #expect(config.read(at: 0xFE, .dword) == 0xFFFF_0000)
        #expect(config.oddAccesses.reads == 2)
    }

    @Test(.rule("CFG-4"), arguments: [Int.min, Int.min + 1, -9, 4096, Int.max - 7, Int.max])
    func offsetsFarOutsideAreHarmless(offset: Int) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        let before = config.bytes
        var changes = ConfigChanges()
        for width in AccessWidth.allCases {
            #expect(config.read(at: offset, width) == width.allOnes)
            config.write(at: offset, width, .max, into: &changes)
        }
        var buffer: [UInt8] = []
        config.read(at: offset, count: 3, into: &buffer)
        #expect(buffer == [0xFF, 0xFF, 0xFF])
        #expect(config.bytes == before)
        #expect(changes.isEmpty)
        #expect(config.oddAccesses.reads == 5)
        #expect(config.oddAccesses.writes == 4)
    }

    @Test(
        .rules("CFG-3", "CFG-4"),
        arguments: [
            (0, 256), (0, 4096), (0x3E, 5), (4094, 4), (-2, 4), (7, 0), (-1, 4098),
        ])
    func readingAnyNumberOfBytesReturnsThemInOrder(offset: Int, count: Int) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        let oracle = ByteMaskOracle()
        var buffer: [UInt8] = [0x99]
        config.read(at: offset, count: count, into: &buffer)
        let expected = (offset..<offset + count).map {
            UInt8(truncatingIfNeeded: oracle.read(at: $0, count: 1))
        }
        #expect(buffer == [0x99] + expected)
    }

    @Test(.rules("CFG-3", "CFG-4"), arguments: 0...24)
    func writingAnyNumberOfBytesEqualsWritingThemOneByOne(count: Int) throws {
        let source = (0..<count).map { UInt8(truncatingIfNeeded: 0xF7 &+ 29 &* $0) }
        var wrong: [Int] = []
        for offset in -5..<300 {
            var together = ConfigSpace(try ExampleFunctions.everything())
            var apart = together
            var changesTogether = ConfigChanges()
            var changesApart = ConfigChanges()
            source.withRawSpan { together.write(at: offset, $0, into: &changesTogether) }
            for (index, byte) in source.enumerated() {
                apart.write(at: offset + index, .byte, UInt64(byte), into: &changesApart)
            }
            if together.bytes != apart.bytes || changesTogether != changesApart {
                wrong.append(offset)
            }
        }
        #expect(wrong.isEmpty)
    }

    /// Whatever the width, the owner hears the same as from byte writes, lowest first.
    @Test(.rules("CFG-3", "CFG-12"), arguments: [AccessWidth.word, .dword, .qword])
    func everyWidthReportsWhatItsBytesReport(width: AccessWidth) throws {
        var wrong: [(offset: Int, pattern: UInt64)] = []
        for start in Start.allCases {
            let (config, _) = try Self.start(start)
            for offset in 0..<0x110 {
                for pattern in Self.patterns {
                    var together = config
                    var apart = config
                    var changesTogether = ConfigChanges()
                    var changesApart = ConfigChanges()
                    together.write(at: offset, width, pattern, into: &changesTogether)
                    for index in 0..<width.bytes {
                        apart.write(
                            at: offset + index, .byte, pattern >> UInt64(8 * index),
                            into: &changesApart)
                    }
                    if changesTogether != changesApart { wrong.append((offset, pattern)) }
                }
            }
        }
        #expect(wrong.isEmpty)
    }
}
