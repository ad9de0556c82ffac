import DeviceModels
import IRQDomains
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Interrupt handles: what backs a queue's interrupt, and what becomes of it.
struct DSAHandleTests {
    private static func machine(
        queues: Int = 2, slots: Int = 16, pasids: [UInt32: UInt32] = [:]
    ) throws -> DSAMachine {
        let machine = try DSAMachine(
            try DSAMachine.shape(queues: queues, pasids: pasids), slots: slots)
        machine.enableDevice(sizes: Array(repeating: 8, count: queues))
        for queue in 0..<queues { machine.command(6, UInt64(queue)) }
        _ = machine.sent()
        return machine
    }

    @Test(.rules("DSA-8", "DSA-9")) func vectorZeroIsBackedAndTheOthersOnRequest() throws {
        let machine = try Self.machine(slots: 2)
        #expect(machine.parent.figures.held == 1)
        for operand in [0, 3, 0xffff, 1 << 16 | 1] as [UInt64] {
            #expect(machine.command(13, operand) == (operand >> 16 == 0 ? 0x41 : 0x42))
        }
        let first = machine.command(13, 1)
        #expect(first & 0xff == 0 && machine.parent.figures.held == 2)
        #expect(machine.command(13, 1) == first, "again it is the same")
        #expect(machine.command(13, 2) == 0x42)
        #expect(machine.endpoint.bus.interrupts.refusals == 1)
        #expect(machine.command(14, 0x7ff) == 0x41)
        #expect(machine.command(14, 0xffff) == 0)
        #expect(machine.command(14, 1 << 16 | first >> 8) == 0x41)
        #expect(machine.command(14, first >> 8) == 0)
        #expect(machine.parent.figures.held == 1)
        #expect(machine.command(13, 2) & 0xff == 0, "what was given back is there for another")
    }

    @Test(.rule("DSA-9")) func aResetGivesHandlesBackAndVectorZeroStays() throws {
        for isFunctionLevel in [false, true] {
            let machine = try Self.machine()
            machine.command(13, 1)
            machine.command(13, 2)
            #expect(machine.parent.figures.held == 3)
            if isFunctionLevel { machine.endpoint.reset() } else { machine.command(5) }
            #expect(machine.parent.figures.held == 1)
        }
    }

    @Test(.rule("DSA-10")) func aHandleIsGoodForDescriptorsWithItsPASID() throws {
        let machine = try Self.machine(queues: 1, pasids: [5: 0x12, 6: 7])
        machine.command(7, 1)
        // The queue's PASID (none, or 5), the permission, and whether a handle is good for it.
        let permission5: UInt64 = 5 << 12 | 8
        let cases: [(UInt64, UInt64, Bool)] = [
            (0, 0, true), (0, permission5, false), (5, permission5, true), (5, 0, false),
            (5, 6 << 12 | 8, false), (5, 4, true), (0, 4, true), (0, permission5 | 4, true),
            (5, 9 << 12 | 8, false),
        ]
        for (pasid, permission, isGood) in cases {
            machine.write(0, at: 0x308)
            machine.write(0xa1 | (pasid == 0 ? 0 : 1 << 28 | pasid << 8), at: 0x508)
            #expect(machine.command(6) == 0)
            let handle = machine.command(13, 1) >> 8
            machine.write(permission, at: 0x308)
            machine.memory[0..<32] = [UInt8](repeating: 0, count: 32)
            machine.submit(DSAMachine.descriptor(0, flags: 0x1c, handle: handle))
            machine.run()
            #expect(machine.memory[0..<1] == [isGood ? 1 : 0x19], "\(pasid) \(permission)")
            #expect(machine.sent() == (isGood ? [1] : []))
            #expect(machine.command(7, 1) == 0)
            _ = machine.sent()
        }
        machine.write(9 << 12 | 8, at: 0x308)
        machine.command(14, machine.command(13, 1) >> 8)
        machine.command(5)
        machine.write(9 << 12 | 8, at: 0x308)
        #expect(machine.command(13, 1) == 0x41, "a PASID that means nothing has no handle")
    }

    @Test(.rule("DSA-10")) func anOldHandleEndsItsDescriptorWithoutAnInterrupt() throws {
        let machine = try Self.machine()
        let handle = machine.command(13, 1) >> 8
        var move = DSAMachine.descriptor(3, flags: 0x1c, handle: handle)
        move[2] = PageMemory.base + 0x100
        move[3] = PageMemory.base + 0x200
        move[4] |= 8
        machine.submit(move)
        machine.memory[0x100..<0x108] = Array(1...8)
        machine.command(14, handle)
        _ = machine.sent()
        machine.run()
        #expect(machine.memory[0..<1] == [0x19])
        #expect(machine.memory[0x200..<0x208] == Array(repeating: 0, count: 8), "nothing was done")
        #expect(machine.sent().isEmpty)
    }

    @Test(.rules("DSA-11", "DSA-12")) func revokedHandlesMeanNothingAndNewOnesDiffer() throws {
        let machine = try Self.machine()
        var old: [UInt64] = []
        for round in 0..<70 {
            let handles = [machine.command(13, 1) >> 8, machine.command(13, 2) >> 8]
            #expect(handles.allSatisfy { !old.contains($0) && $0 != 0xffff }, "round \(round)")
            // Of what was submitted before, one has ended and one has not.
            machine.submit(DSAMachine.descriptor(0, flags: 0x1c, handle: handles[0]))
            machine.engines.step(0)
            machine.submit(
                DSAMachine.descriptor(
                    0, flags: 0x1c, handle: handles[1], record: PageMemory.base + 32), queue: 1)
            _ = machine.sent()
            #expect(machine.endpoint.revokeInterrupts() == 2)
            #expect(machine.sent() == [1, 0], "what has ended is told through its handle")
            #expect(machine.read(0x98) >> 31 == 1)
            machine.write(1 << 31, at: 0x98)
            #expect(machine.parent.figures.held == 1)
            machine.run()
            #expect(machine.memory[0..<1] == [1] && machine.memory[32..<33] == [0x19])
            #expect(machine.sent().isEmpty)
            old = handles
        }
        #expect(machine.endpoint.revokeInterrupts() == 0, "and nobody is told of nothing")
        #expect(machine.sent().isEmpty && machine.read(0x98) == 0)
        #expect(machine.endpoint.model.counts.revoked == 140)
    }

    @Test(.rule("DSA-11")) func whatARevocationFreesIsThereForOthers() throws {
        let pool = DSAMachine.pool(slots: 4)
        let first = try DSAMachine(try DSAMachine.shape(queues: 2), parent: pool)
        let second = try DSAMachine(try DSAMachine.shape(queues: 2), parent: pool)
        #expect(first.command(13, 1) & 0xff == 0 && first.command(13, 2) & 0xff == 0)
        #expect(second.command(13, 1) == 0x42)
        #expect(first.endpoint.revokeInterrupts() == 2)
        #expect(second.command(13, 1) & 0xff == 0)
        #expect(first.command(13, 1) & 0xff == 0)
        #expect(first.command(13, 2) == 0x42, "whoever comes last hears no")
        #expect(pool.figures.held == 4)
    }
}
