import Foundation
import ProgramSupport
import Testing

@Suite struct TryTests {
    private struct Document: Decodable {
        struct Stage: Decodable {
            struct Counts: Decodable {
                let raised: Int
                let sent: Int
                let coalesced: Int
                let pending: Int
                let discarded: Int
            }

            let policy: String
            let refusalsHeard: Int
            let refusalsCounted: Int
            let interruptsReceived: Int
            let bytes: Int
            let requests: Int
            let pended: Int
            let counts: Counts
        }

        let stages: [Stage]
        let vectorsHeldAtTheEnd: Int
        let booksBalance: Bool
        let complaints: [String]
    }

    @Test func eachVectorTakenAwayBringsTheNextFallback() throws {
        let outcome = try CarillonProgram.run(["try", "--json"])
        #expect(outcome.status == 0)
        let document = try JSONDecoder().decode(Document.self, from: Data(outcome.output.utf8))
        #expect(document.stages.map(\.policy) == ["each", "shared", "one", "pin"])
        #expect(document.stages.map(\.refusalsHeard) == [0, 1, 2, 3])
        #expect(document.stages.map(\.pended) == [1, 1, 1, 0])
        for stage in document.stages {
            let counts = stage.counts
            #expect(
                counts.raised
                    == counts.sent + counts.coalesced + counts.pending + counts.discarded)
            #expect(counts.sent == stage.interruptsReceived)
            #expect(stage.refusalsHeard == stage.refusalsCounted)
            #expect(stage.bytes == 64 * stage.requests)
        }
        #expect(document.vectorsHeldAtTheEnd == 0)
        #expect(document.booksBalance)
        #expect(document.complaints.isEmpty)
    }

    @Test func theReportSaysWhatHappenedAndWhy() throws {
        let outcome = try CarillonProgram.run(["try", "--trace"])
        #expect(outcome.status == 0)
        for phrase in [
            "one vector per queue", "shared vectors", "one vector for all", "the interrupt pin",
            "VECTOR-EXHAUSTED", "neighbour holds 1", "Pending Bit Array", "reason=vector-mask",
            "The books balance",
        ] { #expect(outcome.output.contains(phrase), "the report lacks: \(phrase)") }
    }
}
