import InterruptTestSupport
import MachineModels
import TestTraits
import Testing

struct SerialDataTests {
    @Test(.rule("UART-7"))
    func whatIsSentIsOutAtOnce() {
        var machine = SerialMachine()
        for byte in 0...UInt8.max {
            machine.write(0, byte)
            #expect(machine.read(5) == 0x60)
        }
        #expect(machine.output == Array(0...UInt8.max))
        #expect(machine.port.counts.transmitted == 256)
    }

    @Test(.rule("UART-8"), arguments: [false, true])
    func inputIsReadInItsOrderAndTheRestWaits(hasFIFO: Bool) {
        var machine = SerialMachine()
        machine.write(2, hasFIFO ? 0x01 : 0x00)
        let capacity = hasFIFO ? 16 : 1
        #expect(machine.port.roomForInput == capacity)
        #expect(machine.receive(1...20) == capacity)
        #expect(machine.port.roomForInput == 0)
        #expect(machine.read(5) == 0x61)
        for byte in 1...UInt8(capacity) { #expect(machine.read(0) == byte) }
        #expect(machine.read(5) == 0x60)
        #expect(machine.port.counts.overrun == 0 && machine.port.booksBalance)
    }

    @Test(.rules("UART-9", "UART-19"), arguments: [false, true])
    func loopbackOverruns(hasFIFO: Bool) {
        var machine = SerialMachine()
        machine.write(2, hasFIFO ? 0x01 : 0x00)
        machine.write(4, 0x10)
        for byte in 1...18 as ClosedRange<UInt8> { machine.write(0, byte) }
        #expect(machine.read(5) == 0x63)
        #expect(machine.read(5) == 0x61)
        #expect(machine.read(0) == (hasFIFO ? 1 : 18))
        #expect(machine.port.counts.overrun == (hasFIFO ? 2 : 17))
        #expect(machine.output.isEmpty && machine.port.booksBalance)
    }

    @Test(.rule("UART-20"))
    func inputWaitsWhileTheGuestLoops() {
        var machine = SerialMachine()
        machine.write(4, 0x10)
        #expect(machine.port.roomForInput == 0)
        #expect(machine.receive([1]) == 0)
        machine.write(4, 0)
        #expect(machine.receive([1]) == 1)
    }

    @Test(.rule("UART-10"))
    func clearingTheReceiver() {
        for (value, clears) in [
            (0x01, false), (0xc1, false), (0x05, false), (0x03, true), (0x00, true), (0x02, true),
        ] as [(UInt8, Bool)] {
            var machine = SerialMachine()
            machine.write(2, 0x01)
            #expect(machine.receive([1, 2, 3]) == 3)
            machine.write(2, value)
            #expect(machine.port.waiting == (clears ? 0 : 3))
            #expect(machine.port.counts.cleared == (clears ? 3 : 0))
        }
        var machine = SerialMachine()
        #expect(machine.receive([1]) == 1)
        machine.write(2, 0x02)
        #expect(machine.port.waiting == 1)
        machine.write(2, 0x01)
        #expect(machine.port.waiting == 0 && machine.port.booksBalance)
    }

    @Test(.rules("UART-11", "UART-12"))
    func aBreakIsToldWhenItIsNext() {
        var machine = SerialMachine()
        machine.write(2, 0x01)
        #expect(machine.receive([7]) == 1)
        let taken = machine.port.receiveBreak()
        #expect(taken)
        #expect(machine.read(5) == 0xe1)
        #expect(machine.read(5) == 0xe1)
        #expect(machine.read(0) == 7)
        #expect(machine.read(5) == 0xf1)
        #expect(machine.read(5) == 0x61)
        #expect(machine.read(0) == 0)
        #expect(machine.read(5) == 0x60)
        machine.write(2, 0x00)
        let unbuffered = machine.port.receiveBreak()
        #expect(unbuffered)
        #expect(machine.read(5) == 0x71)
    }

    private enum Operation: CaseIterable {
        case receive, receiveBreak, read, status, send, enable, disable, clear, loop, unloop, reset
    }

    /// Every sequence of eleven operations, each byte with its own number.
    @Test(.rules("UART-13", "UART-8", "UART-9"))
    func everyByteIsReadOnceOrCounted() {
        struct State {
            var machine = SerialMachine()
            var next: UInt8 = 1
            var last: UInt8 = 0
            var taken: UInt64 = 0
        }
        let report = SequenceExplorer(Operation.allCases)
            .everySequence(upTo: 5, from: State()) { operation, state in
                switch operation {
                case .receive:
                    if state.machine.receive([state.next]) == 1 {
                        state.next += 1
                        state.taken += 1
                    }
                case .receiveBreak: if state.machine.port.receiveBreak() { state.taken += 1 }
                case .read:
                    let byte = state.machine.read(0)
                    if byte != 0, byte <= state.last { return "\(byte) after \(state.last)" }
                    state.last = max(byte, state.last)
                case .status:
                    let isReady = state.machine.read(5) & 1 == 1
                    if isReady != (state.machine.port.waiting > 0) { return "data ready" }
                case .send:
                    state.machine.write(0, state.next)
                    if state.machine.port.isLoopback { state.taken += 1 }
                    state.next += 1
                case .enable: state.machine.write(2, 0x01)
                case .disable: state.machine.write(2, 0x00)
                case .clear: state.machine.write(2, 0x03)
                case .loop: state.machine.write(4, 0x10)
                case .unloop: state.machine.write(4, 0)
                case .reset: state.machine.port.reset()
                }
                if state.machine.port.counts.received != state.taken { return "received" }
                return state.machine.port.booksBalance ? nil : "books"
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 177_155)
    }
}
