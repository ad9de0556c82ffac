import IRQDomains
import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Reserve, bind, fire and release of three instances with two vectors: all interleavings, with the
/// real ledger and the real MSI-X function of each instance.
struct DeliveryProtocolTests {
    @Test(.rules("VEC-1", "VEC-9", "VEC-14"))
    func everyInterleavingDeliversWhatIsReservedAndBoundAndLosesNothing() throws {
        let report = SequenceExplorer(Step.all)
            .everyReachableState(from: try Machine(), remembering: \.key, limit: 5_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 200, "\(report)")
    }

    private enum Step: Hashable {
        case reserve(Int), release(Int), bind(Int, Bool), fire(Int), withdraw(Int)

        static let all: [Self] = (0..<3).flatMap { number in
            [
                .reserve(number), .release(number), .bind(number, true), .bind(number, false),
                .fire(number), .withdraw(number),
            ]
        }
    }

    /// Instance 0 is guaranteed a vector, instance 1 may have one, instance 2 has no budget.
    private struct Machine {
        struct Key: Hashable {
            let reserved: [Bool]
            let bound: [Bool]
            let waiting: [Bool]
        }

        private static let names = ["guaranteed", "limited", "walk-in"]
        private var ledger = VectorLedger(capacity: 2, overcommits: true)
        private var functions: [MSIXFunction] = []
        private var reserved = [false, false, false]
        private var bound = [false, false, false]
        /// Events that have not arrived, as the test counts them.
        private var waiting = [false, false, false]

        init() throws {
            let one = VectorBudget(whole: 1)
            let upToOne = try #require(VectorBudget(guarantee: 0, limit: 1))
            #expect(ledger.admit(Self.names[0], one) == nil)
            #expect(ledger.admit(Self.names[1], upToOne) == nil)
            for _ in 0..<3 {
                var function = try #require(MSIXFunction(tableSize: 1))
                var none: [Send] = []
                function.setBusMaster(true, into: &none)
                function.setControl(enable: true, functionMask: false, into: &none)
                function.writeTable(at: 12, .dword, 0, into: &none)
                functions.append(function)
            }
        }

        var key: Key { Key(reserved: reserved, bound: bound, waiting: waiting) }

        mutating func perform(_ step: Step) -> String? {
            var sends: [Send] = []
            let number: Int
            switch step {
            case .reserve(let instance):
                number = instance
                if let law = reserve(instance, &sends) { return law }
            case .release(let instance):
                number = instance
                guard reserved[instance] else { return nil }
                functions[instance].setReserved(0, false, into: &sends)
                ledger.release(from: Self.names[instance])
                reserved[instance] = false
                waiting[instance] = false
            case .bind(let instance, let isBound):
                number = instance
                functions[instance].setBound(0, isBound, into: &sends)
                bound[instance] = isBound
            case .fire(let instance):
                number = instance
                waiting[instance] = true
                if case .send(let message) = functions[instance].assert(0) {
                    sends.append(Send(vector: 0, message: message))
                }
            case .withdraw(let instance):
                number = instance
                _ = functions[instance].deassert(0)
                waiting[instance] = false
            }
            return judge(number, sends)
        }

        private mutating func reserve(_ instance: Int, _ sends: inout [Send]) -> String? {
            guard !reserved[instance] else { return nil }
            let refusal = ledger.reserve(for: Self.names[instance])
            if instance == 0, let refusal { return "a guaranteed vector was refused: \(refusal)" }
            let others = reserved.count { $0 } - (reserved[0] ? 1 : 0)
            if (refusal == nil) != (instance == 0 || others == 0) {
                return "of two that compete for the last vector one has it: \(refusal as Any)"
            }
            guard refusal == nil else { return nil }
            reserved[instance] = true
            functions[instance].setReserved(0, true, into: &sends)
            return nil
        }

        /// An event arrives as soon as its vector is reserved and bound, once, and not before.
        private mutating func judge(_ number: Int, _ sends: [Send]) -> String? {
            let arrives = waiting[number] && reserved[number] && bound[number]
            if sends.count != (arrives ? 1 : 0) { return "\(sends.count) messages" }
            if arrives { waiting[number] = false }
            if ledger.held != reserved.count(where: { $0 }) { return "leases differ" }
            for instance in 0..<3 {
                if functions[instance].isPending(0) != waiting[instance] { return "lost" }
                if !functions[instance].booksBalance { return "books do not balance" }
            }
            return nil
        }
    }
}
