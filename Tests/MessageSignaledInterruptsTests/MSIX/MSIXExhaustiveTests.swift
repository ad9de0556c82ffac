import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// The laws: raised = sent + coalesced + pending + discarded; nothing deliverable stays pending;
/// nothing is sent while an obstacle holds; and every observable equals `ShadowMSIX`'s, after each
/// step of each sequence.
///
/// The shadow's key is everything that later steps can depend on, and every observable of the
/// function was compared with it; so where an exploration remembers keys, it covers all sequences
/// that lead to the same key. The short sequences below remember nothing.
@Suite(.rules("MSIX-6", "MSIX-38", "MSIX-43"))
struct MSIXExhaustiveTests {
    /// Each of 28 operations after each other: 28 + 28² + 28³ = 22,764 sequences.
    @Test func everyShortSequenceOfOneVectorKeepsTheLaws() throws {
        let start = try #require(MSIXComparison(tableSize: 1))
        let report = SequenceExplorer(Self.function + Self.vector(0) + Self.message(0))
            .everySequence(upTo: 3, from: start) { $1.perform($0, comparing: [0]) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 22_764)
    }

    /// The same 28 operations until no new state appears: 28,692 states, 803,376 steps; sequences
    /// of any length.
    @Test func everySequenceOfOneVectorKeepsTheLaws() throws {
        let start = try #require(MSIXComparison(tableSize: 1))
        let report = SequenceExplorer(Self.function + Self.vector(0) + Self.message(0))
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 40_000) {
                $1.perform($0, comparing: [0])
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 28_692)
    }

    /// Every kind of access to the table and to the Pending Bit Array, among enables and a reset,
    /// for a vector that is served: 1,386 states, 42,966 steps; sequences of any length.
    @Test(.rules("MSIX-12", "MSIX-13", "MSIX-15", "MSIX-17", "MSIX-18"))
    func everySequenceOfTableAccessesKeepsTheLaws() throws {
        var start = try #require(MSIXComparison(tableSize: 1))
        let served: [MSIXOperation] = [.reserved(0, true), .bound(0, true), .busMaster(true)]
        for operation in served { #expect(start.perform(operation, comparing: [0]) == nil) }
        let accesses: [MSIXOperation] = [
            .write(0, register: 0, 0xfee0_0000), .write(0, register: 0, 0xfee0_1003),
            .write(0, register: 1, 0), .write(0, register: 1, 1),
            .write(0, register: 2, 0x21), .write(0, register: 2, 0x22),
            .write(0, register: 3, 0xffff_fffe), .write(0, register: 3, 0xffff_ffff),
            .writeTable(0, .qword, 0x1_fee0_1000), .writeTable(0, .qword, 0),
            .writeTable(8, .qword, 0x21), .writeTable(8, .qword, 0x1_0000_0022),
            .writeTable(4, .qword, 0), .writeTable(8, .word, 0), .writeTable(15, .byte, 1),
            .writeTable(16, .dword, 7), .readTable(0, .qword), .readTable(12, .dword),
            .readTable(9, .byte), .readPending(0, .dword), .readPending(0, .qword), .writePending,
        ]
        let others: [MSIXOperation] = [
            .assert(0), .deassert(0), .busMaster(false), .busMaster(true),
            .reset(keepingCauses: true),
        ]
        let report = SequenceExplorer(Self.controls + accesses + others)
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 5_000) {
                $1.perform($0, comparing: [0])
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 1_386)
    }

    /// Each of 46 operations on two vectors after each other: 46 + 46² + 46³ = 99,498 sequences.
    @Test func everyShortSequenceOfTwoVectorsKeepsTheLaws() throws {
        let start = try #require(MSIXComparison(tableSize: 2))
        let operations =
            Self.function + Self.vector(0) + Self.vector(1) + Self.message(0) + Self.message(1)
        let report = SequenceExplorer(operations)
            .everySequence(upTo: 3, from: start) { $1.perform($0, comparing: [0, 1]) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 99_498)
    }

    /// Two vectors with their masks, leases, bindings, limits and causes: 12,721 states, 356,188
    /// steps; sequences of any length.
    @Test func everySequenceOfTwoVectorsKeepsTheLaws() throws {
        let start = try #require(MSIXComparison(tableSize: 2))
        let report = SequenceExplorer(Self.controls + Self.resets + Self.vector(0) + Self.vector(1))
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 20_000) {
                $1.perform($0, comparing: [0, 1])
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 12_721)
    }

    private static let controls: [MSIXOperation] = [
        .control(enable: false, functionMask: false), .control(enable: false, functionMask: true),
        .control(enable: true, functionMask: false), .control(enable: true, functionMask: true),
    ]

    private static let resets: [MSIXOperation] = [
        .busMaster(false), .busMaster(true),
        .reset(keepingCauses: false), .reset(keepingCauses: true),
    ]

    private static let function: [MSIXOperation] =
        controls + resets + [.powered(false), .powered(true)]

    private static func vector(_ vector: VectorIndex) -> [MSIXOperation] {
        [
            .assert(vector), .deassert(vector), .mask(vector, true), .mask(vector, false),
            .reserved(vector, true), .reserved(vector, false), .bound(vector, true),
            .bound(vector, false), .limited(vector, true), .limited(vector, false),
        ]
    }

    private static func message(_ vector: VectorIndex) -> [MSIXOperation] {
        [
            .clientMask(vector, true), .clientMask(vector, false),
            .authority(.table), .authority(.client),
            .write(vector, register: 0, 0xfee0_0003), .write(vector, register: 0, 0xfee0_1000),
            .write(vector, register: 2, 0x21), .write(vector, register: 2, 0x22),
        ]
    }
}
