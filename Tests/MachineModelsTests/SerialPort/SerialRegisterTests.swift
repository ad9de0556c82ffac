import MachineModels
import TestTraits
import Testing

struct SerialRegisterTests {
    @Test(.rules("UART-1", "UART-2"))
    func registersAfterPowerOnAndAfterReset() {
        var machine = SerialMachine()
        for turn in 0..<2 {
            let values = (0..<8).map { machine.read($0) }
            #expect(values == [0, 0, 0x01, 0, 0, 0x60, 0xb0, 0], "turn \(turn)")
            machine.write(3, 0x80)
            #expect(machine.read(0) == 0 && machine.read(1) == 0)
            machine.write(0, 0x12)
            machine.write(3, 0x03)
            for offset in [1, 2, 4, 7] { machine.write(offset, 0x0f) }
            #expect(machine.receive([1, 2]) == 2)
            machine.port.reset()
            #expect(machine.port.divisor == 0 && machine.port.waiting == 0)
            #expect(!machine.port.interruptAsserted && machine.port.booksBalance)
        }
    }

    @Test(.rule("UART-3"))
    func theDivisorStandsAtTheFirstTwoOffsets() {
        var machine = SerialMachine()
        machine.write(1, 0x05)
        machine.write(3, 0x83)
        #expect(machine.readBack(0, 0x34) == 0x34)
        #expect(machine.readBack(1, 0x12) == 0x12)
        #expect(machine.port.divisor == 0x1234)
        #expect(machine.readBack(7, 0x99) == 0x99)
        machine.write(3, 0x03)
        #expect(machine.read(1) == 0x05)
        #expect(machine.output.isEmpty && machine.port.divisor == 0x1234)
    }

    @Test(.rule("UART-4"))
    func everyByteOfEveryRegister() {
        var machine = SerialMachine()
        for value in 0...UInt8.max {
            #expect(machine.readBack(1, value) == value & 0x0f)
            #expect(machine.readBack(4, value) == value & 0x1f)
            #expect(machine.readBack(7, value) == value)
            #expect(machine.readBack(3, value) == value)
            #expect(machine.port.isBreaking == (value & 0x40 != 0))
            machine.write(3, 0)
        }
    }

    @Test(.rule("UART-5"))
    func whatCannotBeWritten() {
        var machine = SerialMachine()
        machine.write(5, 0xff)
        machine.write(6, 0xff)
        machine.write(8, 0xff)
        machine.write(-1, 0xff)
        #expect(machine.port == SerialPort())
        #expect(machine.read(5) == 0x60 && machine.read(6) == 0xb0)
        #expect(machine.read(8) == 0xff && machine.read(-1) == 0xff)
        #expect(machine.read(0) == 0 && machine.port.counts.read == 0)
    }

    @Test(.rule("UART-6"))
    func theFIFOIsIdentifiedWhileItIsEnabled() {
        var machine = SerialMachine()
        machine.write(2, 0xc0)
        #expect(machine.read(2) == 0x01)
        machine.write(2, 0x01)
        #expect(machine.read(2) == 0xc1)
        machine.write(2, 0xfe)
        #expect(machine.read(2) == 0x01)
    }

    @Test(.rules("UART-19", "UART-21"))
    func loopbackShowsModemControlAsModemStatus() {
        for control in 0..<16 as Range<UInt8> {
            var machine = SerialMachine()
            machine.write(4, 0x10 | control)
            let expected =
                (control & 2 != 0 ? 0x10 : 0) | (control & 1 != 0 ? 0x20 : 0)
                | (control & 4 != 0 ? 0x40 : 0) | (control & 8 != 0 ? 0x80 : 0) as UInt8
            let first = machine.read(6)
            #expect(first & 0xf0 == expected)
            #expect(first & 0x0f == ((expected ^ 0xb0) & 0xb0) >> 4)
            #expect(machine.read(6) == expected)
        }
    }

    @Test(.rule("UART-21"))
    func changesOfTheModemLinesAreToldOnce() {
        for before in 0..<16 as Range<UInt8> {
            for after in 0..<16 as Range<UInt8> {
                var port = SerialPort(modemInputs: .init(rawValue: before << 4))
                port.setModemInputs(.init(rawValue: after << 4))
                let changes = (before ^ after) & 0x0b | before & ~after & 0x04
                #expect(port.read(at: 6) == after << 4 | changes)
                #expect(port.read(at: 6) == after << 4)
            }
        }
    }
}
