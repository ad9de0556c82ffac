import DeviceModels
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Registers and commands of a DSA function, as a driver uses them.
struct DSACommandTests {
    @Test(.rule("DSA-1")) func registersReadWholeAndByHalves() throws {
        let machine = try DSAMachine(try DSAMachine.shape(queues: 2))
        for offset in stride(from: 0, to: 0x600, by: 8) {
            let whole = machine.read(offset, .qword)
            #expect(machine.read(offset) == whole & 0xffff_ffff)
            #expect(machine.read(offset + 4) == whole >> 32)
            for byte in 0..<8 {
                #expect(machine.read(offset + byte, .byte) == whole >> UInt64(8 * byte) & 0xff)
            }
        }
        #expect(machine.read(0x00) == 0x100)
        #expect(machine.read(0x10, .qword) == 0x8155_0117)
        #expect(machine.read(0x20, .qword) == 0x001a_0000_0002_0010)
        #expect(machine.read(0x30) & 0xff == 1)
        #expect(machine.read(0x38) == 1)
        #expect(machine.read(0x40, .qword) == 0x1_003f_03ff)
        #expect(machine.read(0x60, .qword) == 0x3_0005_0004)
        #expect(machine.read(0xb0) == 0x7ffe)
    }

    @Test(.rule("DSA-1")) func narrowWritesAndReadOnlyRegistersAreWithoutEffect() throws {
        let machine = try DSAMachine(try DSAMachine.shape())
        let before = (0..<0x100).map { machine.read(4 * $0) }
        for offset in 0..<0x400 where offset != 0xa0 {
            machine.write(0xff, at: offset, .byte)
            if offset % 2 == 0 { machine.write(0xffff, at: offset, .word) }
        }
        for offset in stride(from: 0, to: 0x80, by: 4) { machine.write(.max, at: offset) }
        for offset in [0x90, 0xa8, 0xb0] { machine.write(0xffff_ffff, at: offset) }
        #expect((0..<0x100).map { machine.read(4 * $0) } == before)
    }

    @Test(.rule("DSA-2")) func whatIsSetUpIsFixedWhileItIsInUse() throws {
        let machine = try DSAMachine(try DSAMachine.shape(queues: 2))
        machine.enableDevice(sizes: [4, 4])
        let group = machine.read(0x400, .qword)
        machine.write(0, at: 0x400, .qword)
        machine.write(1, at: 0x500)
        #expect(machine.read(0x400, .qword) == group && machine.read(0x500) == 4)
        machine.write(0x51, at: 0x508)
        #expect(machine.read(0x508) == 0x51, "a queue's own set-up is open until it is enabled")
        #expect(machine.command(6, 0) == 0)
        machine.write(0xa1, at: 0x508)
        #expect(machine.read(0x508) == 0x51)
        #expect(machine.read(0x518) >> 30 == 1)
        machine.write(0xa1, at: 0x528)
        #expect(machine.read(0x528) == 0xa1, "the other queue is not enabled")
    }

    @Test(.rule("DSA-2")) func aSliceThatIsNotConfigurableIsSetUpByItsAdministrator() throws {
        var shape = try DSAMachine.shape(queues: 2, entries: 6, pasids: [5: 9])
        shape.isConfigurable = false
        shape.priority = 7
        shape.threshold = 3
        shape.trafficClasses = .init(a: 2, b: 5)
        let machine = try DSAMachine(shape)
        #expect(machine.read(0x10) >> 31 == 0)
        for round in 0..<2 {
            for queue in 0..<2 {
                let entry = 0x500 + 32 * queue
                #expect(machine.read(entry) == 6 && machine.read(entry + 4) == 3)
                #expect(machine.read(entry + 8) == 0x71)
            }
            #expect(machine.read(0x400) == 3 && machine.read(0x420) == 1)
            #expect(machine.read(0x428) == 2 | 5 << 3)
            for offset in stride(from: 0x400, to: 0x540, by: 4) where offset % 32 != 8 {
                machine.write(0xffff_ffff, at: offset)
            }
            machine.write(0x1000_0500 | 0xff, at: 0x508)
            #expect(machine.read(0x508) == 0x1000_0571, "only the PASID is the guest's")
            #expect(machine.command(1) == 0 && machine.command(6) == 0)
            #expect(machine.command(5) == 0, "round \(round)")
        }
    }

    @Test(.rule("DSA-3"), arguments: [true, false])
    func commandsThatCannotBeDoneSayWhy(interrupts: Bool) throws {
        let machine = try DSAMachine(try DSAMachine.shape(queues: 2))
        func check(_ code: UInt64, _ operand: UInt64 = 0, _ status: UInt64) {
            machine.write(0xffff_ffff, at: 0x98)
            _ = machine.sent()
            #expect(
                machine.command(code, operand, interrupts: interrupts) == status,
                "command \(code), \(operand)")
            #expect(machine.sent() == (interrupts ? [0] : []))
            #expect(machine.read(0x98) == (interrupts ? 2 : 0))
        }
        for code in [0, 15, 16, 31] as [UInt64] { check(code, 0, 0x01) }
        check(2, 0, 0x31)
        for code in [3, 4, 7, 8, 9, 10, 11, 12] as [UInt64] { check(code, 1, 0x32) }
        check(6, 0, 0x20)
        check(6, 2, 0x02)
        check(7, 1 << 16, 0x02)
        check(8, 4, 0x02)

        machine.write(9, at: 0x500)
        machine.write(8, at: 0x520)
        check(1, 0, 0x14)
        machine.write(8, at: 0x500)
        machine.write(1, at: 0x420)
        for group in [0, 1, 2, 4, 7, 1 << 63] as [UInt64] {
            machine.write(group, at: 0x400, .qword)
            check(1, 0, 0x15)
        }
        machine.write(3, at: 0x400, .qword)
        machine.write(1, at: 0x408)
        check(1, 0, 0x15)
        machine.write(0, at: 0x408)
        machine.write(3, at: 0x420)
        check(1, 0, 0x16)
        machine.write(0, at: 0x420)
        check(1, 0, 0x17)
        machine.write(1, at: 0x420)
        machine.write(33 << 8, at: 0x428)
        check(1, 0, 0x18)
        machine.write(32 << 8, at: 0x428)
        check(1, 0, 0)
        #expect(machine.read(0x90) == 1)
        check(1, 0, 0x10)

        queueErrors(machine, check)
        check(6, 0, 0)
        check(6, 0, 0x21)
        check(8, 2, 0x32)
    }

    private func queueErrors(
        _ machine: DSAMachine, _ check: (UInt64, UInt64, UInt64) -> Void
    ) {
        let valid: UInt64 = 10 << 4 | 1
        let shifts: UInt64 = 21 | 10 << 5
        let bad: [(Int, UInt64, UInt64)] = [
            (8, 1, 0x23), (8, 10 << 4, 0x24), (8, valid | 1 << 28 | 5 << 8, 0x26),
            (12, 21 | 11 << 5, 0x27), (12, 22 | 10 << 5, 0x28),
        ]
        for (offset, value, status) in bad {
            machine.write(valid, at: 0x508)
            machine.write(shifts, at: 0x50c)
            machine.write(value, at: 0x500 + offset)
            check(6, 0, status)
        }
        machine.write(valid, at: 0x508)
        machine.write(shifts, at: 0x50c)
    }

    @Test(.rule("DSA-3")) func sizesOfNoneAndNoBusMasterAreSaid() throws {
        let machine = try DSAMachine(try DSAMachine.shape(queues: 2), isBusMaster: false)
        #expect(machine.command(1) == 0x12)
        machine.endpoint.writeConfig(6, at: 4, .word)
        machine.enableDevice(sizes: [8, 0])
        #expect(machine.command(6, 1) == 0x22)
    }

    @Test(.rules("DSA-4", "DSA-5")) func aDrainEndsWhenWhatWasBeforeItHas() throws {
        for (code, operand) in [(3, 0), (8, 1), (7, 1), (2, 0)] as [(UInt64, UInt64)] {
            let machine = try DSAMachine(try DSAMachine.shape())
            machine.enableDevice()
            #expect(machine.command(6) == 0)
            let handle = machine.command(13, 1) >> 8
            _ = machine.sent()
            for line in 0..<3 {
                machine.submit(
                    DSAMachine.descriptor(0, flags: 0x1c, handle: handle), line: line)
            }
            #expect(machine.command(code, operand, interrupts: true) == 1 << 31)
            #expect(machine.sent().isEmpty)
            #expect(machine.command(5) == 1 << 31, "others are without effect meanwhile")
            machine.submit(DSAMachine.descriptor(0))
            let isClosing = code == 7 || code == 2
            #expect(machine.engines.occupancy(of: 0) == (isClosing ? 3 : 4))
            machine.engines.step(0)
            _ = machine.endpoint.serveBackend()
            #expect(machine.sent() == [1] && machine.read(0xa8) == 1 << 31)
            machine.run()
            #expect(machine.sent() == [1, 1, 0], "what had ended is told before the command")
            #expect(machine.read(0xa8) == 0)
            #expect(machine.engines.queues.isEmpty == isClosing)
            #expect(machine.read(0x90) == (code == 2 ? 0 : 1))
        }
    }

    @Test(.rule("DSA-5")) func abortsAndResetsDropWhatHasNotBegun() throws {
        for (code, operand) in [(4, 0), (9, 1), (10, 1), (5, 0)] as [(UInt64, UInt64)] {
            let machine = try DSAMachine(try DSAMachine.shape())
            machine.enableDevice()
            machine.command(6)
            for line in 0..<5 { machine.submit(DSAMachine.descriptor(0), line: line) }
            machine.engines.step(0)
            #expect(machine.command(code, operand) == 0)
            #expect(machine.endpoint.model.counts.dropped == 4)
            #expect(machine.endpoint.model.counts.submitted == 5)
            let isOpen = machine.engines.queues[0] != nil
            #expect(isOpen == (code == 4 || code == 9))
            #expect(machine.read(0x500) == (isOpen ? 8 : 0))
        }
    }

    @Test(.rules("DSA-5", "DSA-20")) func drainsAndAbortsCanBeOfAPASID() throws {
        let machine = try DSAMachine(try DSAMachine.shape(queues: 2, pasids: [5: 0x12, 6: 7]))
        for (queue, pasid) in [(0, 5), (1, 6)] as [(Int, UInt64)] {
            machine.write(0xa1 | 1 << 28 | pasid << 8, at: 0x508 + 32 * queue)
        }
        machine.enableDevice(sizes: [4, 4])
        #expect(machine.command(6, 0) == 0 && machine.command(6, 1) == 0)
        #expect(machine.engines.queues[0]?.limits.pasid == .queue(0x12))
        for queue in 0..<2 { machine.submit(DSAMachine.descriptor(0), queue: queue) }
        #expect(machine.command(12, 6) == 0)
        #expect(machine.engines.occupancy(of: 1) == 0 && machine.engines.occupancy(of: 0) == 1)
        #expect(machine.command(11, 6) == 0)
        #expect(machine.command(11, 5) == 1 << 31)
        machine.run()
        #expect(machine.read(0xa8) == 0)
    }

    @Test(.rule("DSA-7"), arguments: [0, 3] as [UInt64])
    func withoutBusMasteringAnEnabledDeviceHalts(control: UInt64) throws {
        let machine = try DSAMachine(try DSAMachine.shape())
        machine.write(control, at: 0x88)
        machine.enableDevice()
        machine.command(6)
        machine.submit(DSAMachine.descriptor(0))
        _ = machine.sent()
        machine.endpoint.writeConfig(2, at: 4, .word)
        #expect(machine.read(0x90) == 3)
        #expect(!machine.engines.step(0), "nothing runs without memory")
        #expect(machine.read(0xc0) & 0xff01 == 0x8301)
        #expect(machine.read(0x98) == (control == 3 ? 0x11 : 0))
        #expect(machine.command(3) == 0x03 && machine.command(1) == 0x03)
        machine.endpoint.writeConfig(6, at: 4, .word)
        #expect(machine.read(0x90) == 3, "only a reset brings it back")
        #expect(machine.sent() == (control == 3 ? [0] : []), "what waited is told once it can be")
        #expect(machine.command(5) == 0 && machine.read(0x90) == 0)
        machine.enableDevice()
    }

    @Test(.rule("DSA-7")) func aDeviceThatIsDisabledDoesNotHalt() throws {
        let machine = try DSAMachine(try DSAMachine.shape())
        machine.endpoint.writeConfig(2, at: 4, .word)
        #expect(machine.read(0x90) == 0 && machine.read(0xc0) == 0)
    }

    @Test(.rule("DSA-6")) func oneErrorIsKeptUntilItWasRead() throws {
        let machine = try DSAMachine(try DSAMachine.shape())
        machine.write(1, at: 0x88)
        machine.submit(DSAMachine.descriptor(3))
        #expect(machine.read(0xc0, .qword) == 0x3_0000_800d)
        #expect(machine.sent() == [0] && machine.read(0x98) == 1)
        machine.submit(DSAMachine.descriptor(4), page: 3)
        #expect(machine.read(0xc0, .qword) == 0x3_0000_800f, "there was another")
        machine.write(3, at: 0xc0)
        #expect(machine.read(0xc0) & 3 == 0)
        machine.enableDevice()
        machine.command(6)
        machine.submit(DSAMachine.descriptor(5), page: 2)
        #expect(machine.read(0xc0, .qword) == 0x5_0000_820d, "there is no store")
        machine.write(1, at: 0xc0)
        // A record that cannot be written, and one that is malformed.
        machine.submit(DSAMachine.descriptor(0, record: 0x20))
        machine.run()
        #expect(machine.read(0xc0, .qword) == 0x1a0d)
        machine.write(1, at: 0xc0)
        machine.submit(DSAMachine.descriptor(0, record: PageMemory.base + 8))
        machine.run()
        #expect(machine.read(0xc0, .qword) == 0x1b0d)
        machine.write(1, at: 0xc0)
        machine.submit(DSAMachine.descriptor(0x44, flags: 0))
        machine.run()
        #expect(machine.read(0xc0, .qword) == 0x44_0000_100d)
        #expect(machine.endpoint.model.counts.errors == 6)
    }
}
