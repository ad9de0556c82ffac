import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Every observable of `IMSFunction` equals `ShadowIMS`'s after each step of each sequence.
@Suite(.rules("IMS-3", "IMS-5", "IMS-18"))
struct IMSExhaustiveTests {
    static let translation = PASIDTranslation(
        defaultPASID: pasid(0x100), hosts: [pasid(1): pasid(0x201), pasid(2): pasid(0x202)])

    static func pasid(_ value: UInt32) -> PASID {
        guard let pasid = PASID(value) else { preconditionFailure("20 bits") }
        return pasid
    }

    static func control(masked: Bool = false, pasid: UInt32? = nil) -> IMSControl {
        var control = IMSControl()
        control.isMasked = masked
        control.namesPASID = pasid != nil
        control.pasid = pasid ?? 0
        return control
    }

    private static func write(_ control: IMSControl, slot: Int = 0) -> IMSOperation {
        .write(slot * 16 + 12, .dword, UInt64(control.value))
    }

    private static let host: [IMSOperation] = [
        .busMaster(true), .busMaster(false), .powered(false), .powered(true),
        .reset(keepingCauses: false), .reset(keepingCauses: true),
        .reserved(0, true), .reserved(0, false), .bound(0, true), .bound(0, false),
        .limited(0, true), .limited(0, false),
    ]
    private static let controls: [IMSOperation] = [
        write(control(masked: true)), write(control()), write(control(pasid: 1)),
        write(control(masked: true, pasid: 2)), write(control(pasid: 9)),
        .translate(translation),
        .translate(PASIDTranslation(defaultPASID: pasid(0x101), hosts: [:])),
    ]
    private static let messages: [IMSOperation] = [
        .write(0, .dword, 0xfee0_0003), .write(0, .qword, 0x1_fee0_1000),
        .write(8, .dword, 0x21), .write(8, .qword, 0x22), .read(8, .qword), .write(4, .word, 1),
        .read(13, .byte), .write(0, .dword, 0xfee0_0010),
    ]

    /// 20 operations on one slot of an array, sequences of any length.
    @Test(.rules("IMS-13", "IMS-14", "IMS-15", "IMS-16", "IMS-22"))
    func everySequenceOfOneSlotKeepsTheLaws() throws {
        let start = try #require(IMSComparison(.array, slots: 1, translation: Self.translation))
        let report = SequenceExplorer(
            Self.host + Self.controls + [.assert(0), .deassert(0), .failed(0)]
        )
        .everyReachableState(from: start, remembering: \.shadow.key, limit: 60_000) {
            $1.perform($0)
        }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 1_000)
    }

    /// Messages of a slot that is served, sequences of any length, whether they must be remapped or
    /// not.
    @Test(.rules("IMS-7", "IMS-8", "IMS-9", "IMS-23"), arguments: [false, true])
    func everySequenceOfMessagesKeepsTheLaws(needsRemapping: Bool) throws {
        var start = try #require(
            IMSComparison(
                .array, slots: 1, translation: Self.translation, needsRemapping: needsRemapping))
        for operation in [IMSOperation.busMaster(true), .reserved(0, true), .bound(0, true)] {
            #expect(start.perform(operation) == nil)
        }
        let device: [IMSOperation] = [
            .assert(0), .deassert(0), .reset(keepingCauses: true), .failed(0),
        ]
        let report = SequenceExplorer(Self.messages + Array(Self.controls.prefix(3)) + device)
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 60_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 100)
    }

    /// A queue store whose record is one thing or another at every moment, or cannot be read.
    @Test(.rules("IMS-19", "IMS-20"), arguments: [false, true])
    func everySequenceOfRecordsKeepsTheLaws(needsRemapping: Bool) throws {
        let start = try #require(IMSComparison(.queue, slots: 2, translation: Self.translation))
        let message = MSIMessage(address: 0xfee0_0000, data: 0x31)
        let other = MSIMessage(address: 0xfee0_1000, data: 0x32)
        let records: [IMSRecord?] = [
            nil, IMSRecord(control: Self.control(masked: true), message: message),
            IMSRecord(control: Self.control(), message: message),
            IMSRecord(control: Self.control(pasid: 2), message: other),
            IMSRecord(control: Self.control(pasid: 7), message: other),
        ]
        let guest = records.flatMap { [IMSOperation.fire(0, $0), .refresh(0, $0)] }
        let report = SequenceExplorer(Self.host + guest + [.deassert(0), .fire(2, nil)])
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 60_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 500)
    }

    /// Two slots: what one is told never changes the other.
    @Test(.rule("IMS-10")) func everyShortSequenceOfTwoSlotsKeepsTheLaws() throws {
        var start = try #require(IMSComparison(.array, slots: 2, translation: Self.translation))
        for slot in [0, 1] as [VectorIndex] {
            #expect(start.perform(.reserved(slot, true)) == nil)
            #expect(start.perform(.bound(slot, true)) == nil)
        }
        #expect(start.perform(.busMaster(true)) == nil)
        let operations: [IMSOperation] = [0, 1].flatMap { slot -> [IMSOperation] in
            guard let index = VectorIndex(slot) else { return [] }
            return [
                .assert(index), .deassert(index), Self.write(Self.control(), slot: slot),
                Self.write(Self.control(masked: true), slot: slot),
                Self.write(Self.control(pasid: 1), slot: slot),
                Self.write(Self.control(pasid: 9), slot: slot),
                .write(slot * 16 + 8, .dword, UInt64(slot)), .reserved(index, false),
            ]
        }
        let report = SequenceExplorer(operations)
            .everySequence(upTo: 4, from: start) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 16 + 256 + 4_096 + 65_536)
    }
}
