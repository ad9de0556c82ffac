import MachineModels
import PlatformTypes
import Registers
import TestTraits
import Testing

struct IOAPICRegisterTests {
    @Test(.rule("IOA-1"))
    func memoryBesideTheRegistersIsEmpty() {
        var machine = IOAPICMachine()
        machine.select(0x01)
        for offset in stride(from: 0, to: IOAPICRegister.windowBytes, by: 4) {
            let value = machine.controller.read(at: offset, .dword)
            switch offset {
            case 0x00: #expect(value == 1)
            case 0x10: #expect(value == 0x0017_0020)
            default:
                #expect(value == 0)
                let before = machine.controller
                let effects = machine.doing { $0.write(.max, at: offset, .dword, into: &$1) }
                #expect(effects.isEmpty && machine.controller == before)
            }
        }
    }

    @Test(.rule("IOA-1"))
    func registersThatAreNotThereReadZeroAndIgnoreWrites() {
        var machine = IOAPICMachine()
        for register in Array(0x03..<0x10) + Array(0x40...0xff) {
            let effects = machine.write(UInt64(register), .max)
            #expect(effects.isEmpty)
            #expect(machine.read(UInt64(register)) == 0)
        }
        machine.select(0)
        #expect(machine.controller == IOAPIC())
        machine.select(0xffff_ff12)
        #expect(machine.controller.read(at: 0, .dword) == 0x12)
    }

    @Test(.rule("IOA-2"))
    func anyWidthReachesTheBytesThatItCovers() {
        var machine = IOAPICMachine()
        machine.program(0, 0x1_2345)
        _ = machine.doing { $0.write(0x67, at: 0x10, .byte, into: &$1) }
        #expect(machine.controller.entry(of: 0) == 0x1_2367)
        _ = machine.doing { $0.write(0xa7, at: 0x11, .byte, into: &$1) }
        #expect(machine.controller.entry(of: 0) == 0x1_a767)
        #expect(machine.controller.read(at: 0x11, .byte) == 0xa7)
        #expect(machine.controller.read(at: 0x12, .word) == 1)
        #expect(machine.controller.read(at: 0x10, .qword) == 0x1_a767)
        #expect(machine.controller.read(at: 0x0e, .dword) == 0xa767_0000)
        machine.program(0, 0x8031)
        machine.line(0, true)
        let beside = machine.doing { $0.write(0x3131, at: 0x41, .word, into: &$1) }
        #expect(beside.isEmpty)
        let onto = machine.doing { $0.write(0x31, at: 0x40, .byte, into: &$1) }
        #expect(onto.endedPins == [0])
    }

    @Test(.rule("IOA-3"))
    func identificationVersionAndArbitration() {
        var machine = IOAPICMachine()
        machine.write(0, .max)
        #expect(machine.read(0) == 0x0f00_0000)
        #expect(machine.read(2) == 0x0f00_0000)
        machine.write(1, .max)
        machine.write(2, 0)
        #expect(machine.read(1) == 0x0017_0020)
        #expect(machine.read(2) == 0x0f00_0000)
    }

    @Test(.rules("IOA-4", "IOA-5"), arguments: [false, true])
    func everyBitOfEveryEntry(extended: Bool) {
        var machine = IOAPICMachine(extendedDestinations: extended)
        let writable: UInt64 = extended ? 0xfffe_0000_0001_afff : 0xff00_0000_0001_afff
        for pin in 0..<IOAPIC.pinCount {
            let low = UInt64(0x10 + 2 * pin)
            for bit in 0..<64 {
                let value: UInt64 = 1 << bit
                // The mask goes last, so that nothing is sent.
                machine.write(low + 1, value >> 32)
                machine.write(low, value & 0xffff_ffff)
                #expect(machine.controller.entry(of: pin) == value & writable & ~0x1000)
                #expect(machine.read(low) == value & writable & ~0x1000 & 0xffff_ffff)
                #expect(machine.read(low + 1) == (value & writable) >> 32)
            }
        }
    }

    @Test(.rules("IOA-4", "IOA-13"))
    func aGuestCannotWriteRemoteIRR() {
        var machine = IOAPICMachine()
        machine.program(5, 0xf031)
        #expect(machine.controller.entry(of: 5) == 0xa031)
        machine.line(5, true)
        #expect(machine.controller.entry(of: 5) == 0xe031)
        machine.program(5, 0x8031)
        #expect(machine.controller.entry(of: 5) == 0xc031)
    }

    @Test(.rule("IOA-7"))
    func resetMasksAndForgets() {
        var machine = IOAPICMachine()
        for pin in 0..<IOAPIC.pinCount {
            #expect(machine.controller.entry(of: pin) == 0x1_0000)
            #expect(machine.controller.route(of: pin) == nil)
        }
        machine.write(0, 0x0300_0000)
        machine.write(0x11, 0x0700_0000)
        machine.program(0, 0x8031)
        machine.line(0, true)
        machine.program(1, 0x1_0032)
        machine.line(1, true)
        let effects = machine.doing { $0.reset(into: &$1) }
        #expect(effects.messages.isEmpty && effects.routesChanged && effects.endedPins == [0])
        #expect(machine.controller.read(at: 0, .dword) == 0)
        #expect(machine.read(0) == 0)
        #expect((0..<IOAPIC.pinCount).allSatisfy { machine.controller.entry(of: $0) == 0x1_0000 })
        #expect(machine.controller.counts(of: 1).reset == 1)
        #expect(machine.controller.isAsserted(0))
        let edge = machine.program(1, 0x0032)
        #expect(edge.messages.isEmpty)
        let level = machine.program(0, 0x8031)
        #expect(level.messages.count == 1)
    }

    @Test func layoutsSayWhatTheRegistersDo() {
        for register in IOAPICRegister.allCases {
            #expect(register.layout.width == .dword)
            let bits = register.layout.fields.reduce(0) { $0 | $1.mask }
            #expect(bits == 0xffff_ffff)
        }
    }
}
