import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// Every observable of `MSIFunction` equals `ShadowMSI`'s after each step of each sequence, and the
/// laws hold: nothing deliverable stays pending, and the books balance.
@Suite(.rules("MSI-6", "MSI-31", "MSI-32"))
struct MSIExhaustiveTests {
    /// Each of 36 operations after each other: 36 + 36² + 36³ = 47,988 sequences.
    @Test func everyShortSequenceKeepsTheLaws() throws {
        let start = try #require(MSIComparison(messages: 2, sources: 3))
        let operations = Self.all
        #expect(operations.count == 36)
        let report = SequenceExplorer(operations)
            .everySequence(upTo: 3, from: start) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 47_988)
    }

    /// Two messages that three sources share, without leases and bindings being taken away:
    /// sequences of any length.
    @Test(.rules("MSI-14", "MSI-21", "MSI-22"))
    func everySequenceOfMessagesKeepsTheLaws() throws {
        let start = try Self.served()
        let report = SequenceExplorer(Self.guest + Self.device + Self.resets)
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 20_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 447)
    }

    /// One message with everything that can hold it back: sequences of any length.
    @Test(.rules("MSI-20", "MSI-26", "MSI-27", "MSI-28", "MSI-30"))
    func everySequenceOfOneMessageKeepsTheLaws() throws {
        let start = try #require(MSIComparison(messages: 1, sources: 1))
        let operations: [MSIOperation] =
            [
                .assert(0), .deassert(0), .busMaster(true), .busMaster(false), .powered(true),
                .powered(false), Self.write(enabled: false), Self.write(), Self.write(mask: 1),
            ] + Self.resets + Self.host(0)
        let report = SequenceExplorer(operations)
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 20_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 607)
    }

    /// 32 messages, 40 sources, 400 operations from each of eight fixed seeds.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func longRandomSequencesKeepTheLaws(seed: UInt64) throws {
        var pair = try #require(MSIComparison(messages: 32, sources: 40))
        var generator = SeededGenerator(seed: seed)
        let sources = (0..<41).compactMap { VectorIndex($0) }
        for step in 0..<400 {
            let source = try #require(sources.randomElement(using: &generator))
            let flag = Bool.random(using: &generator)
            let operation: MSIOperation
            switch Int.random(in: 0..<12, using: &generator) {
            case 0...4: operation = .assert(source)
            case 5: operation = .deassert(source)
            case 6: operation = .busMaster(flag || step.isMultiple(of: 3))
            case 7: operation = .reserved(source, flag || step.isMultiple(of: 3))
            case 8: operation = .bound(source, flag || step.isMultiple(of: 3))
            case 9: operation = .clientMask(source, flag)
            default:
                var registers = MSIRegisters()
                registers.isEnabled = !step.isMultiple(of: 7)
                registers.granted = 1 << Int.random(in: 0...5, using: &generator)
                registers.address = UInt64.random(in: 0...7, using: &generator) << 12
                registers.data = UInt32.random(in: 0...0xffff, using: &generator)
                registers.mask = UInt32.random(in: 0...(.max), using: &generator)
                operation = .program(registers, wroteData: flag)
            }
            let law = pair.perform(operation)
            #expect(law == nil, "step \(step), \(operation)")
        }
    }

    private static func served() throws -> MSIComparison {
        var start = try #require(MSIComparison(messages: 2, sources: 3))
        for message in [0, 1] as [VectorIndex] {
            #expect(start.perform(.reserved(message, true)) == nil)
            #expect(start.perform(.bound(message, true)) == nil)
        }
        #expect(start.perform(.busMaster(true)) == nil)
        return start
    }

    private static func write(
        enabled: Bool = true, granted: Int = 1, address: UInt64 = 0xfee0_0000, data: UInt32 = 0x40,
        mask: UInt32 = 0, wroteData: Bool = true
    ) -> MSIOperation {
        var registers = MSIRegisters()
        registers.isEnabled = enabled
        registers.granted = granted
        registers.address = address
        registers.data = data
        registers.mask = mask
        return .program(registers, wroteData: wroteData)
    }

    private static let guest: [MSIOperation] = [
        write(enabled: false), write(), write(granted: 2), write(granted: 2, mask: 1),
        write(granted: 2, mask: 3), write(mask: 2), write(address: 0xfee0_1000, wroteData: false),
        write(address: 0xfee0_1000, data: 0x51), write(data: 0x1_0041, wroteData: false),
        write(granted: 2, address: 0xfee0_1000, mask: 2, wroteData: false),
        write(granted: 2, address: 0xfee0_1000, data: 0x53),
        write(enabled: false, granted: 2, address: 0xfee0_1000, wroteData: false),
    ]
    private static let device: [MSIOperation] = [
        .assert(0), .assert(1), .assert(2), .assert(3), .deassert(0), .deassert(2),
    ]
    private static let resets: [MSIOperation] = [
        .reset(keepingCauses: false), .reset(keepingCauses: true),
    ]
    private static func host(_ message: VectorIndex) -> [MSIOperation] {
        [
            .reserved(message, true), .reserved(message, false), .bound(message, true),
            .bound(message, false), .clientMask(message, true), .clientMask(message, false),
            .limited(message, true), .limited(message, false),
        ]
    }
    private static let all: [MSIOperation] =
        guest + device + resets + host(0)
        + [.reserved(1, true), .bound(1, true), .reserved(2, true), .bound(2, true)]
        + [.busMaster(true), .busMaster(false), .powered(true), .powered(false)]
}
