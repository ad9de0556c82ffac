import DeviceModels
import PlatformTypes
import Registers
import TestTraits
import Testing

struct VirtioBlockTests {
    @Test(.rule("BLK-1"), arguments: [1, 7, 16, 100, 511, 512, 513])
    func whereOneBufferEndsMeansNothing(piece: Int) throws {
        let machine = try BlockMachine()
        // Header and data, cut anywhere, in up to nine pieces.
        let stream = 0xa000
        machine.header(1, sector: 5, at: stream)
        for index in 0..<1024 {
            machine.memory.store(UInt8(truncatingIfNeeded: index * 7), at: stream + 16 + index)
        }
        var cuts: [Int] = [piece]
        while cuts.count < 8, let last = cuts.last, last + piece < 1040 {
            cuts.append(last + piece)
        }
        let edges = [0] + cuts + [1040]
        let buffers = zip(edges, edges.dropFirst()).map { start, end in
            (address: stream + start, length: end - start, isWritable: false)
        }
        machine.offer(buffers + [(0xf000, 1, true)])
        #expect(
            machine.storage.begun.map(\.operation) == [
                .write(at: 2560, count: 1024, durably: false)
            ])
        machine.storage.end()
        #expect(machine.backendReady())
        #expect(machine.status() == 0)
        #expect(machine.usedElements().map(\.written) == [1])
        let expected = (0..<1024).map { UInt8(truncatingIfNeeded: $0 * 7) }
        #expect(Array(machine.storage.blocks[2560..<3584]) == expected)
        machine.memory.store(UInt8(0xee), at: 0xc000 + 1024 - piece)
        // And back, cut elsewhere; the status is the last byte of the last buffer.
        machine.header(0, sector: 5)
        machine.offer([
            (0x8000, 16, false), (0xb000, piece, true), (0xc000, 1024 - piece + 1, true),
        ])
        machine.storage.end()
        machine.backendReady()
        #expect((0..<piece).allSatisfy { machine.memory.byte(0xb000 + $0) == expected[$0] })
        #expect(
            (piece..<1024).allSatisfy {
                machine.memory.byte(0xc000 + $0 - piece) == expected[$0]
            })
        #expect(machine.memory.byte(0xc000 + 1024 - piece) == 0)
        #expect(machine.usedElements().last?.written == 1025)
    }

    @Test(.rule("BLK-2"), arguments: [UInt32(0), 1])
    func rangesEndWithTheDevice(type: UInt32) throws {
        for (sector, bytes, isInside) in [
            (127, 512, true), (127, 1024, false), (128, 512, false), (128, 0, true),
            (129, 0, false), (0, 511, false), (0, 513, false),
            (UInt64.max, 512, false), (UInt64.max / 512 + 1, 512, false),
        ] {
            let machine = try BlockMachine()
            machine.request(type, sector: sector, bytes)
            #expect(machine.storage.begun.count == (isInside ? 1 : 0), "\(sector) \(bytes)")
            if isInside {
                machine.storage.end()
                machine.backendReady()
            }
            #expect(machine.status() == (isInside ? 0 : 1), "\(sector) \(bytes)")
            #expect(!machine.needsReset, "a request that is refused is no broken queue")
            #expect(machine.storage.placesInUse == 0)
        }
    }

    @Test(.rule("BLK-3")) func eachTypeComesToWhatItIs() throws {
        for (type, data, expected) in [
            (UInt32(4), 0, BlockRequest.flush),
            (11, 16, .discard(at: 4096, count: 1024)),
            (13, 16, .writeZeroes(at: 4096, count: 1024, mayUnmap: false)),
        ] {
            let machine = try BlockMachine()
            machine.memory.store(UInt64(8), at: 0x9000)
            machine.memory.store(UInt32(2), at: 0x9008)
            machine.memory.store(UInt32(0), at: 0x900c)
            machine.request(type, sector: 0, data)
            #expect(machine.storage.begun.map(\.operation) == [expected])
            for (outcome, status) in [
                (BlockOutcome.done, UInt8(0)), (.failed, 1), (.unsupported, 2),
            ] {
                machine.storage.end(0, outcome)
                machine.backendReady()
                #expect(machine.status() == status)
                machine.request(type, sector: 0, data)
            }
        }
        let machine = try BlockMachine()
        machine.request(8, sector: 0, 20)
        #expect(machine.status() == 0)
        let serial = (0..<20).map { machine.memory.byte(0x9000 + $0) }
        #expect(serial == Array("serial-number".utf8) + Array(repeating: 0, count: 7))
        for type in [UInt32(2), 5, 9, 10, 14, 99, .max] {
            machine.request(type, sector: 0, 0)
            #expect(machine.status() == 2, "\(type)")
        }
        #expect(machine.storage.placesInUse == 0)
    }

    @Test(.rule("BLK-4")) func discardsAndZeroesHaveOneRangeAndKnownFlags() throws {
        for (type, bytes, sectors, flags, status) in [
            (UInt32(11), 16, UInt32(1), UInt32(1), UInt8(2)), (11, 16, 1, 2, 2),
            (13, 16, 1, 2, 2), (13, 16, 1, 0x8000_0000, 2), (11, 16, 0, 0, 1), (13, 16, 129, 0, 1),
            (13, 16, .max, 0, 1), (11, 0, 1, 0, 1), (11, 15, 1, 0, 1), (11, 32, 1, 0, 1),
        ] {
            let machine = try BlockMachine()
            machine.memory.store(UInt64(0), at: 0x9000)
            machine.memory.store(sectors, at: 0x9008)
            machine.memory.store(flags, at: 0x900c)
            machine.request(type, sector: 0, bytes)
            #expect(machine.status() == status, "\(type) \(bytes) \(sectors) \(flags)")
            #expect(machine.storage.begun.isEmpty)
        }
    }

    @Test(.rule("BLK-5")) func nothingIsWrittenToWhatIsReadOnly() throws {
        let machine = try BlockMachine(storage: ManualStorage(isReadOnly: true))
        #expect(machine.endpoint.model.device.features & 1 << 5 != 0)
        for type in [UInt32(1), 11, 13] {
            machine.request(type, sector: 0, type == 1 ? 512 : 16)
            #expect(machine.status() == 1)
        }
        machine.request(0, sector: 0, 512)
        #expect(machine.storage.begun.count == 1)
    }

    @Test(
        .rule("BLK-6"),
        arguments: [
            (UInt64(0), UInt8?.none, true), (BlockMachine.flushFeature, nil, false),
            (BlockMachine.flushFeature | BlockMachine.cacheFeature, 0, true),
            (BlockMachine.flushFeature | BlockMachine.cacheFeature, 1, false),
            (BlockMachine.flushFeature, 0, false),
        ])
    func whoCannotFlushOrWillNotHasDurableWrites(
        features: UInt64, choice: UInt8?, durably: Bool
    ) throws {
        let machine = try BlockMachine(features: features)
        if let choice {
            machine.set(2 * 4096 + 32, UInt64(choice), .byte)
            #expect(machine.get(2 * 4096 + 32, .byte) == (durably ? 0 : 1))
        }
        machine.request(1, sector: 0, 512)
        #expect(
            machine.storage.begun.map(\.operation) == [.write(at: 0, count: 512, durably: durably)])
    }

    @Test(.rule("BLK-7")) func requestsEndInWhateverOrder() throws {
        let machine = try BlockMachine(queues: 2)
        for head in [0, 3, 6, 9] {
            machine.request(
                head == 6 ? 1 : 0, sector: UInt64(head), 512, head: head, queue: head % 2)
        }
        machine.storage.end(2)
        machine.storage.end(0)
        machine.backendReady()
        #expect(machine.usedElements(0).map(\.head) == [6, 0])
        #expect(machine.usedElements(1).isEmpty)
        machine.storage.end(1)
        machine.backendReady()
        machine.storage.end(0)
        machine.backendReady()
        #expect(machine.usedElements(1).map(\.head) == [9, 3])
        #expect(machine.storage.placesInUse == 0)
        #expect(!machine.backendReady(), "nothing more ended")
    }

    @Test(.rule("BLK-8")) func whatFindsNoPlaceWaitsForOne() throws {
        let machine = try BlockMachine(storage: ManualStorage(places: 2), queues: 2)
        for head in [0, 3, 6] { machine.request(0, sector: 0, 512, head: head) }
        machine.request(4, sector: 0, 0, head: 0, queue: 1)
        #expect(machine.storage.begun.count == 2)
        for ended in 1...4 {
            machine.storage.end()
            machine.backendReady()
            let count = Int(machine.usedIndex(0)) + Int(machine.usedIndex(1))
            #expect(count == ended, "each end makes room for the next, without a notification")
        }
        #expect(machine.usedElements(0).map(\.head) == [0, 3, 6])
    }

    @Test(.rule("BLK-9")) func nothingOfBeforeAResetComesAfterIt() throws {
        let machine = try BlockMachine()
        machine.memory.store(UInt8(0x11), at: 0x9000)
        machine.request(1, sector: 0, 512)
        machine.set(20, 0, .byte)
        machine.start(features: BlockMachine.flushFeature)
        machine.memory.store(UInt8(0x22), at: 0x9000)
        machine.request(1, sector: 0, 512)
        #expect(machine.storage.begun.count == 1, "the new write waits for the old one")
        machine.storage.end()
        machine.backendReady()
        #expect(machine.storage.blocks[0] == 0x11)
        #expect(machine.usedIndex() == 0 && machine.status() == 0xee, "nobody hears of the old one")
        #expect(machine.storage.begun.count == 1)
        machine.storage.end()
        machine.backendReady()
        #expect(machine.storage.blocks[0] == 0x22)
        #expect(machine.usedIndex() == 1 && machine.status() == 0)
        #expect(machine.storage.placesInUse == 0)
    }

    @Test(.rule("BLK-10")) func aChainThatIsNoRequestBreaksTheQueue() throws {
        let chains: [[(address: Int, length: Int, isWritable: Bool)]] = [
            [(0x8000, 15, false), (0xf000, 1, true)], [(0x8000, 16, false)],
            [(0xf000, 1, true), (0x8000, 16, false)],
            [(0x8000, 16, false), (0xf000, 0, true)],
            [(0x8000, 16, false), (0x2_0000, 512, false), (0xf000, 1, true)],
        ]
        for chain in chains {
            let machine = try BlockMachine()
            machine.request(0, sector: 0, 512, head: 8)
            machine.header(1, sector: 0)
            machine.offer(chain)
            #expect(machine.needsReset, "\(chain)")
            machine.storage.end()
            machine.backendReady()
            #expect(machine.usedIndex() == 0, "a device that needs a reset uses no buffers")
            #expect(machine.storage.placesInUse == 0)
            machine.set(20, 0, .byte)
            machine.start(features: BlockMachine.flushFeature)
            machine.request(4, sector: 0, 0)
            #expect(machine.storage.begun.count == 1, "and works after it")
        }
    }

    @Test(.rule("BLK-10")) func moreChainsThanTheQueueHoldsBreakIt() throws {
        let machine = try BlockMachine()
        for _ in 0..<BlockMachine.size { machine.request(4, sector: 0, 0) }
        #expect(machine.storage.begun.count == BlockMachine.size)
        #expect(!machine.needsReset)
        machine.request(4, sector: 0, 0)
        #expect(machine.needsReset, "the device has them all yet")
    }

    @Test(.rule("BLK-11")) func theConfigurationSaysWhatThereIs() throws {
        let machine = try BlockMachine(queues: 3)
        #expect(machine.get(2 * 4096, .dword) == 128)
        #expect(machine.get(2 * 4096 + 12, .dword) == 254)
        #expect(machine.get(2 * 4096 + 20, .dword) == 512)
        #expect(machine.get(2 * 4096 + 34, .word) == 3)
        machine.set(2 * 4096, 5, .dword)
        #expect(machine.get(2 * 4096, .dword) == 128)
        #expect(machine.get(2 * 4096 + 60, .dword) == 0)
    }
}
