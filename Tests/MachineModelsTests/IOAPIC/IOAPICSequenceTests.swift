import InterruptTestSupport
import MachineModels
import TestTraits
import Testing

/// Every sequence of operations against the shadow.
struct IOAPICSequenceTests {
    static let onePin: [IOAPICOperation] =
        [
            .rise(0), .fall(0), .end(0x31), .end(0x32), .reset, .resample(0, true),
            .resample(0, false),
        ]
        + [0x31, 0x32, 0x0f].flatMap { vector in
            [(true, true), (true, false), (false, true), (false, false)].map {
                IOAPICOperation.program(0, level: $0.0, masked: $0.1, vector: vector)
            }
        }

    static let twoPins: [IOAPICOperation] =
        [.end(0x31), .end(0x32), .endByRegister(0x31), .reset, .resample(1, true)]
        + [0, 1].flatMap { pin in
            [.rise(pin), .fall(pin)]
                + [(true, true), (true, false), (false, true), (false, false)].map {
                    IOAPICOperation.program(pin, level: $0.0, masked: $0.1, vector: 0x31)
                }
        }
        + [.program(1, level: true, masked: false, vector: 0x32)]

    /// Each of 19 operations after each other, remembering nothing.
    @Test(.rule("IOA-22"))
    func everyShortSequenceKeepsTheLaws() {
        let report = SequenceExplorer(Self.onePin)
            .everySequence(upTo: 4, from: IOAPICComparison(pins: 1)) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 19 + 361 + 6_859 + 130_321)
    }

    @Test(.rules("IOA-22", "IOA-12", "IOA-13", "IOA-14", "IOA-15", "IOA-17", "IOA-20", "IOA-21"))
    func everySequenceOnOnePinKeepsTheLaws() {
        let report = SequenceExplorer(Self.onePin)
            .everyReachableState(
                from: IOAPICComparison(pins: 1), remembering: \.key, limit: 1_000
            ) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 188)
    }

    @Test(.rules("IOA-16", "IOA-22"))
    func everySequenceOnTwoPinsThatShareAVectorKeepsTheLaws() {
        let report = SequenceExplorer(Self.twoPins)
            .everyReachableState(
                from: IOAPICComparison(pins: 2), remembering: \.key, limit: 10_000
            ) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 1_640)
    }
}
