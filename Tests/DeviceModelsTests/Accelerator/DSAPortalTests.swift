import DeviceModels
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Descriptors on their way through portals, in dedicated and in shared queues.
struct DSAPortalTests {
    private static func machine(
        mode: DSAConfiguration.Mode = .dedicated, entries: Int = 8, threshold: UInt64? = nil
    ) throws -> DSAMachine {
        let machine = try DSAMachine(
            try DSAMachine.shape(mode: mode, entries: entries, pasids: [0: 3, 5: 0x12]))
        if mode == .shared { machine.write(0xa0 | 1 << 28, at: 0x508) }
        machine.enableDevice(sizes: [UInt64(entries)])
        if let threshold { machine.write(threshold, at: 0x504) }
        #expect(machine.command(6) == 0)
        return machine
    }

    @Test(.rule("DSA-13")) func aDescriptorIsTakenWhenAllOfItHasCome() throws {
        let machine = try Self.machine()
        let words = DSAMachine.descriptor(0)
        var generator = SystemSplits(seed: 7)
        for round in 0..<400 {
            let line = round % 63
            machine.memory[0..<1] = [0]
            var pieces = generator.split()
            if round % 2 == 1 { pieces.shuffle(using: &generator) }
            for (index, piece) in pieces.enumerated() {
                #expect(machine.engines.occupancy(of: 0) == 0)
                let shift = UInt64(8 * (piece.offset % 8))
                let value = words[piece.offset / 8] >> shift & piece.width.allOnes
                machine.write(value, at: 0x1000 + 64 * line + piece.offset, piece.width, bar: 2)
                // A part of the last line comes between, and does not disturb it.
                if index == pieces.count / 2 {
                    machine.write(1, at: 0x1000 + 64 * 63, .dword, bar: 2)
                }
            }
            #expect(machine.engines.occupancy(of: 0) == 1, "round \(round): \(pieces)")
            machine.run()
            #expect(machine.memory[0..<1] == [1])
        }
        #expect(machine.endpoint.model.counts.submitted == 400)
    }

    @Test(.rule("DSA-13")) func aDedicatedQueueRefusesWhatDoesNotFitAndSaysSo() throws {
        let machine = try Self.machine(entries: 4)
        for line in 0..<5 { machine.submit(DSAMachine.descriptor(3), line: line, page: line % 2) }
        #expect(machine.engines.occupancy(of: 0) == 4)
        #expect(machine.read(0xc0, .qword) == 0x3_0000_810d)
        #expect(machine.read(0x1000, .qword, bar: 2) == 0)
        #expect(machine.read(0x518) == 1 << 30 | 4, "its table shows how many there are")
    }

    @Test(.rules("DSA-13", "DSA-20")) func aSharedQueueSaysWhenToSubmitAgain() throws {
        let machine = try Self.machine(mode: .shared, entries: 4, threshold: 2)
        var accepted: [Bool] = []
        for (line, page) in [1, 1, 1, 0, 0, 0, 1].enumerated() {
            machine.submit(DSAMachine.descriptor(0), line: line, page: page)
            accepted.append(machine.read(0x1000 * page, .qword, bar: 2) == 0)
        }
        #expect(accepted == [true, true, false, true, true, false, false])
        #expect(machine.read(0xc0) == 0, "that is no error")
        machine.run()
        machine.submit(DSAMachine.descriptor(0))
        #expect(machine.read(0x1000, .qword, bar: 2) == 0)
        #expect(machine.endpoint.model.counts.submitted == 5)
        #expect(machine.endpoint.model.counts.refused == 3)
    }

    @Test(.rule("DSA-20")) func descriptorsOfASharedQueueNameTheirPASID() throws {
        let machine = try Self.machine(mode: .shared)
        let handle = machine.command(13, 1) >> 8
        machine.write(5 << 12 | 8, at: 0x308)
        for (pasid, status) in [(5, 1), (0, 0x19)] as [(UInt64, UInt8)] {
            _ = machine.sent()
            machine.submit(DSAMachine.descriptor(0, flags: 0x1c, handle: handle, pasid: pasid))
            machine.run()
            #expect(machine.memory[0..<1] == [status])
            #expect(machine.sent() == (status == 1 ? [1] : []))
        }
        machine.submit(DSAMachine.descriptor(0, pasid: 4))
        #expect(machine.engines.occupancy(of: 0) == 0)
        #expect(machine.read(0xc0) & 0xff01 == 0x1a01)
    }

    @Test(.rule("DSA-20")) func aSharedQueueNeedsPASIDs() throws {
        let machine = try DSAMachine(try DSAMachine.shape(mode: .shared))
        machine.enableDevice()
        #expect(machine.command(6) == 0x26)
        machine.write(0xa1 | 1 << 28, at: 0x508)
        #expect(machine.command(6) == 0x24)
    }
}

/// Splits of 64 bytes into aligned accesses, from a seed.
struct SystemSplits: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 20 ^ state << 44
    }

    mutating func split() -> [(offset: Int, width: AccessWidth)] {
        var offset = 0
        var pieces: [(offset: Int, width: AccessWidth)] = []
        while offset < 64 {
            let widths: [AccessWidth] = [.byte, .word, .dword, .qword]
            let fitting = widths.filter { offset % $0.bytes == 0 && offset + $0.bytes <= 64 }
            let width = fitting[Int(next() % UInt64(fitting.count))]
            pieces.append((offset, width))
            offset += width.bytes
        }
        return pieces
    }
}
