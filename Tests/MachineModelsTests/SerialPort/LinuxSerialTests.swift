import MachineModels
import TestTraits
import Testing

/// What Linux's 8250 driver does to a port before it trusts it, in its order.
@Suite(.rule("UART-22"))
struct LinuxSerialTests {
    @Test func thePortExistsAndLoopsBack() {
        var machine = SerialMachine()
        let enabled = machine.read(1)
        #expect(machine.readBack(1, 0x00) & 0x0f == 0x00)
        #expect(machine.readBack(1, 0x0f) & 0x0f == 0x0f)
        machine.write(1, enabled)
        let control = machine.read(4)
        machine.write(4, 0x1a)
        #expect(machine.read(6) & 0xf0 == 0x90)
        machine.write(4, control)
    }

    @Test func theFIFOIsThatOfA16550A() {
        var machine = SerialMachine()
        machine.write(3, 0xbf)
        machine.write(2, 0)
        machine.write(3, 0)
        machine.write(2, 0x01)
        #expect(machine.read(2) >> 6 == 3)
    }

    @Test func thePortIsNoneOfTheLaterKinds() {
        var machine = SerialMachine()
        machine.write(2, 0x01)
        // An enhanced feature register would read 0 where IIR stands.
        for line in [0x80, 0xbf] as [UInt8] {
            machine.write(3, line)
            #expect(machine.read(2) != 0)
        }
        // A Super I/O chip shows the loop bit in its second bank.
        machine.write(3, 0)
        let control = machine.read(4)
        machine.write(4, control ^ 0x10)
        machine.write(3, 0xe0)
        #expect(machine.read(2) & 0x10 == control & 0x10)
        machine.write(3, 0)
        machine.write(4, control)
        // A 16750 shows its FIFO of 64 bytes in bit 5, with the divisor selected.
        for line in [0x00, 0x80] as [UInt8] {
            machine.write(3, line)
            machine.write(2, 0x21)
            #expect(machine.read(2) >> 5 == 6)
            machine.write(2, 0x01)
        }
        machine.write(3, 0)
        // Others have a unit enable bit in IER.
        #expect(machine.readBack(1, 0x40) & 0x40 == 0)
        machine.write(1, 0)
        #expect(machine.output.isEmpty)
    }

    @Test func theScratchRegisterKeepsWhatIsWritten() {
        var machine = SerialMachine()
        for value in [0xa5, 0x5a] as [UInt8] { #expect(machine.readBack(7, value) == value) }
    }

    @Test func theFIFOHasSixteenBytes() {
        var machine = SerialMachine()
        machine.write(2, 0x01)
        let control = machine.read(2)
        machine.write(2, 0x07)
        machine.write(4, 0x10)
        machine.write(3, 0x80)
        machine.write(0, 1)
        machine.write(1, 0)
        machine.write(3, 0x03)
        for byte in 0...UInt8.max { machine.write(0, byte) }
        var count = 0
        while machine.read(5) & 1 == 1, count < 256 {
            #expect(machine.read(0) == UInt8(count))
            count += 1
        }
        #expect(count == 16)
        machine.write(2, control)
        machine.write(4, 0)
        #expect(machine.output.isEmpty && machine.port.booksBalance)
        #expect(machine.port.counts.overrun == 240)
    }

    /// Neither of the driver's workarounds for the transmitter's interrupt is switched on.
    @Test func theTransmittersInterruptIsTrusted() {
        var machine = SerialMachine()
        for control in [0x01, 0x07, 0x00] as [UInt8] { machine.write(2, control) }
        for offset in [5, 0, 2, 6] { _ = machine.read(offset) }
        #expect(machine.read(5) != 0xff)
        // It is asserted again when it is enabled again.
        for _ in 0..<2 {
            #expect(machine.read(5) & 0x20 != 0)
            machine.write(1, 0x02)
            #expect(machine.read(2) & 1 == 0)
            machine.write(1, 0)
        }
        machine.write(3, 0x03)
        machine.write(4, 0x08)
        // It is asserted at once when the transmitter is empty.
        machine.write(1, 0x02)
        #expect(machine.read(5) & 0x40 != 0)
        #expect(machine.read(2) & 1 == 0)
        machine.write(1, 0)
    }

    /// Interrupts as a controller that takes edges sees them: nothing that is sent or received
    /// stands still.
    @Test func outputAndInputMakeProgressByEdges() {
        var machine = SerialMachine()
        machine.write(2, 0x81)
        machine.write(4, 0x0b)
        machine.write(1, 0x05)
        var toSend = Array(UInt8(0)..<100)
        var seen = machine.port.interruptRises
        var received: [UInt8] = []
        machine.write(1, 0x07)
        var input = Array(UInt8(100)..<200)
        while machine.port.interruptRises != seen {
            seen = machine.port.interruptRises
            while machine.read(2) & 1 == 0 {
                while machine.read(5) & 1 == 1 { received.append(machine.read(0)) }
                for byte in toSend.prefix(16) { machine.write(0, byte) }
                toSend.removeFirst(min(16, toSend.count))
                if toSend.isEmpty { machine.write(1, 0x05) }
            }
            let taken = machine.receive(input.prefix(3))
            input.removeFirst(taken)
        }
        #expect(machine.output == Array(0..<100))
        #expect(received == Array(100..<200))
    }
}
