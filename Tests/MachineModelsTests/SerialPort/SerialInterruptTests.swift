import MachineModels
import TestTraits
import Testing

struct SerialInterruptTests {
    /// The four causes, each holding or not, under each of the sixteen values of IER.
    @Test(.rules("UART-14", "UART-16"))
    func identificationOfEveryCombination() {
        for causes in 0..<16 as Range<UInt8> {
            for enabled in 0..<16 as Range<UInt8> {
                var machine = Self.machine(causes: causes)
                machine.write(1, enabled)
                // Enabling the transmitter's interrupt makes it due.
                var holding = causes & 0x0d & enabled | enabled & 0x02
                while true {
                    let name = Self.name(of: holding)
                    #expect(machine.port.interruptAsserted == (holding != 0))
                    #expect(machine.read(2) == 0xc0 | name)
                    switch name {
                    case 0x06:
                        _ = machine.read(5)
                        holding &= ~0x04
                    case 0x04, 0x0c:
                        while machine.read(5) & 1 == 1 { _ = machine.read(0) }
                        holding &= ~0x05
                    case 0x02: holding &= ~0x02
                    case 0x00:
                        _ = machine.read(6)
                        holding &= ~0x08
                    default: break
                    }
                    if name == 0x01 { break }
                }
            }
        }
    }

    /// A port on which the causes hold that are set, at the places of IER.
    private static func machine(causes: UInt8) -> SerialMachine {
        var machine = SerialMachine()
        machine.write(2, 0x01)
        if causes & 0x01 != 0 { #expect(machine.receive([1]) == 1) }
        if causes & 0x04 != 0 {
            let taken = machine.port.receiveBreak()
            #expect(taken)
            // Without data the break alone is left of it.
            if causes & 0x01 == 0 {
                #expect(machine.read(0) == 0)
            } else {
                #expect(machine.read(0) == 1)
            }
        }
        if causes & 0x08 != 0 { machine.port.setModemInputs([]) }
        return machine
    }

    private static func name(of holding: UInt8) -> UInt8 {
        if holding & 0x04 != 0 { return 0x06 }
        if holding & 0x01 != 0 { return 0x04 }
        if holding & 0x02 != 0 { return 0x02 }
        return holding & 0x08 != 0 ? 0x00 : 0x01
    }

    @Test(.rule("UART-15"))
    func triggerLevels() {
        for (control, level) in [(0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14)] as [(UInt8, Int)] {
            var machine = SerialMachine()
            machine.write(2, control)
            machine.write(1, 0x01)
            #expect(machine.read(2) == 0xc1)
            for count in 1...16 {
                #expect(machine.receive([0]) == 1)
                #expect(machine.read(2) == (count >= level ? 0xc4 : 0xcc))
                #expect(machine.port.interruptAsserted)
            }
            for count in (0..<16).reversed() {
                _ = machine.read(0)
                #expect(machine.read(2) == (count >= level ? 0xc4 : count > 0 ? 0xcc : 0xc1))
            }
        }
        var plain = SerialMachine()
        plain.write(1, 0x01)
        #expect(plain.receive([0]) == 1)
        #expect(plain.read(2) == 0x04)
    }

    @Test(.rule("UART-16"))
    func theTransmittersInterrupt() {
        var machine = SerialMachine()
        machine.write(0, 1)
        #expect(machine.read(2) == 0x01)
        machine.write(1, 0x02)
        #expect(machine.read(2) == 0x02)
        #expect(machine.read(2) == 0x01)
        machine.write(1, 0x02)
        #expect(machine.read(2) == 0x01)
        machine.write(0, 2)
        #expect(machine.read(2) == 0x02)
        machine.write(1, 0x00)
        machine.write(1, 0x02)
        #expect(machine.read(2) == 0x02)
        machine.write(2, 0x01)
        #expect(machine.read(2) == 0xc2)
        // A cause that IIR does not name is not ended by reading it.
        machine.write(1, 0x03)
        machine.write(0, 3)
        #expect(machine.receive([9]) == 1)
        #expect(machine.read(2) == 0xc4)
        #expect(machine.read(0) == 9)
        #expect(machine.read(2) == 0xc2)
    }

    @Test(.rule("UART-17"))
    func everyRiseIsCounted() {
        var machine = SerialMachine()
        machine.write(1, 0x02)
        #expect(machine.port.interruptRises == 1)
        machine.write(0, 1)
        #expect(machine.port.interruptAsserted && machine.port.interruptRises == 2)
        #expect(machine.read(2) == 0x02)
        #expect(!machine.port.interruptAsserted && machine.port.interruptRises == 2)
        machine.write(0, 2)
        #expect(machine.port.interruptRises == 3)
        machine.write(1, 0x03)
        #expect(machine.receive([5]) == 1)
        machine.write(0, 3)
        #expect(machine.port.interruptRises == 3)
    }

    @Test(.rules("UART-18", "UART-19"), arguments: [0x00, 0x08, 0x10, 0x18] as [UInt8])
    func modemControlHoldsNoInterruptBack(control: UInt8) {
        var machine = SerialMachine()
        machine.write(4, control)
        machine.write(1, 0x02)
        #expect(machine.port.interruptAsserted)
    }
}
