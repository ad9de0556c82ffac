import AcceleratorEngines
import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Engines at work: threads, and descriptors that can be held up on their way.
@Suite(.endsWhenHung) struct EngineTests {
    private static func shape(
        queues: Int = 1, mode: DSAConfiguration.Mode = .dedicated, entries: Int = 16
    ) throws -> DSAConfiguration {
        DSAConfiguration(
            queues: queues, mode: mode, entries: entries,
            translation: PASIDTranslation(defaultPASID: try #require(PASID(0))))
    }

    private static func limits(_ entries: Int = 16, priority: Int = 10) -> WorkLimits {
        WorkLimits(
            entries: entries, priority: priority, capabilities: DSACapabilities(), pasid: .none)
    }

    /// Handles 1, 2 … of as many vectors.
    private static func handles(_ count: Int) -> InterruptHandles {
        var handles = InterruptHandles(vectors: count + 1)
        for vector in 1...count { handles.set(vector, UInt16(vector), .anybody) }
        return handles
    }

    private static func descriptor(_ words: [UInt64]) -> DSADescriptor {
        var bytes: [UInt8] = []
        for word in words + Array(repeating: 0, count: 8 - words.count) {
            bytes.appendLittleEndian(word)
        }
        return bytes.withRawSpan { DSADescriptor($0) }
    }

    /// A no-op that interrupts by `handle`, and whose record is at `record`.
    private static func nop(_ handle: UInt64, record: UInt64) -> DSADescriptor {
        descriptor([0x1c << 32, record, 0, 0, handle << 32])
    }

    /// A move of one byte that waits at the gate.
    private static func gated(_ place: UInt64, record: UInt64) -> [UInt64] {
        [3 << 56 | 0x1c << 32, record, GatedMemory.gatedPage + place, 0x800, 1 | 1 << 32]
    }

    /// Waits until the share has had so many ends, and returns them.
    private static func ends(_ count: Int, of share: AcceleratorShare) throws -> [WorkEnded] {
        let epoll = try EpollSet()
        try epoll.add(descriptor: share.descriptor, token: 0, interest: .readable)
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        var ended: [WorkEnded] = []
        while ended.count < count {
            _ = try epoll.wait(into: &ready, timeoutMilliseconds: -1)
            while let next = share.nextEnded() { ended.append(next) }
        }
        return ended
    }

    @Test(.rule("DSA-14"), arguments: [1, 2, 4])
    func everyDescriptorEndsOnce(engines: Int) throws {
        let accelerator = try Accelerator(
            name: "a", .init(dedicatedQueues: 4, engines: engines, groups: 1))
        let memory = GatedMemory()
        let shares = try (0..<4).map { try accelerator.share(for: "\($0)", Self.shape()) }
        for share in shares {
            share.open(0, Self.limits())
            share.resume(memory, Self.handles(1))
        }
        for _ in 0..<50 {
            for (number, share) in shares.enumerated() {
                for place in 0..<16 {
                    let record = UInt64(number * 0x400 + place * 32)
                    memory[Int(record)] = 0
                    #expect(
                        share.submit(Self.nop(1, record: record), to: 0, below: 16))
                }
            }
            for (number, share) in shares.enumerated() {
                #expect(
                    try Self.ends(16, of: share)
                        == Array(repeating: .interrupt(vector: 1), count: 16))
                for place in 0..<16 { #expect(memory[number * 0x400 + place * 32] == 1) }
                #expect(share.isIdle(0) && share.nextEnded() == nil)
            }
        }
    }

    @Test(.rule("DSA-14")) func queuesTakeTurnsByTheirPriority() throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 1))
        let memory = GatedMemory()
        let share = try accelerator.share(for: "s", Self.shape(queues: 2))
        share.open(0, Self.limits(priority: 3))
        share.open(1, Self.limits(priority: 1))
        for place in 0..<12 {
            #expect(share.submit(Self.nop(1, record: UInt64(32 * place)), to: 0, below: 16))
        }
        for place in 0..<4 {
            #expect(share.submit(Self.nop(2, record: UInt64(0x400 + 32 * place)), to: 1, below: 16))
        }
        #expect(share.occupancy(of: 0) == 12 && share.occupancy(of: 1) == 4)
        share.resume(memory, Self.handles(2))
        let order = try Self.ends(16, of: share)
        let turns = [1, 1, 1, 2].map { WorkEnded.interrupt(vector: $0) }
        #expect(order == turns + turns + turns + turns)
    }

    @Test(.rule("DSA-14")) func aDrainBeginsWhenWhatWasBeforeHasEnded() throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 2))
        let memory = GatedMemory()
        let share = try accelerator.share(for: "s", Self.shape())
        share.open(0, Self.limits())
        share.resume(memory, Self.handles(3))
        #expect(share.submit(Self.descriptor(Self.gated(1, record: 0)), to: 0, below: 16))
        memory.entered.wait()
        let drain = Self.descriptor([2 << 56 | 0x1c << 32, 32, 0, 0, 2 << 32])
        #expect(share.submit(drain, to: 0, below: 16))
        #expect(share.submit(Self.nop(3, record: 64), to: 0, below: 16))
        #expect(!share.isIdle(0))
        memory.gate.post()
        let order = try Self.ends(3, of: share)
        #expect(order.first == .interrupt(vector: 1))
        #expect(Set(order) == Set((1...3).map { .interrupt(vector: $0) }))
    }

    @Test(.rule("DSA-17")) func aPauseWaitsForWhatHasBegun() throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 2))
        let memory = GatedMemory()
        let share = try accelerator.share(for: "s", Self.shape())
        share.open(0, Self.limits())
        share.resume(memory, Self.handles(1))
        for place in 0..<4 as Range<UInt64> {
            #expect(
                share.submit(
                    Self.descriptor(Self.gated(place, record: 32 * place)), to: 0, below: 16))
        }
        memory.entered.wait()
        memory.entered.wait()
        let isAwaited = share.isAwaited
        let releaser = try KernelThread(name: "releaser") {
            while !isAwaited() {}
            memory.gate.post()
            memory.gate.post()
        }
        share.pause()
        memory.note("paused")
        releaser.join()
        #expect(memory.log.count == 3 && memory.log.last == "paused")
        #expect(share.occupancy(of: 0) == 2, "what had not begun waits")
        memory.gate.post()
        memory.gate.post()
        share.resume(memory, Self.handles(1))
        #expect(try Self.ends(4, of: share).count == 4)
        #expect(share.isIdle(0))
    }

    @Test(.rules("DSA-14", "DSA-17")) func aBatchGoesOnWithTheMemoryThatThereIsThen() throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 1))
        let (before, after) = (GatedMemory(), GatedMemory())
        let share = try accelerator.share(for: "s", Self.shape())
        share.open(0, Self.limits())
        share.resume(before, Self.handles(1))
        for memory in [before, after] {
            for place in 0..<4 {
                let words = Self.gated(UInt64(place), record: UInt64(0x400 + 32 * place))
                memory.put(words + [0, 0, 0], at: 0x200 + 64 * place)
            }
        }
        let batch = Self.descriptor([1 << 56 | 0x1c << 32, 0, 0x200, 0, 4 | 1 << 32])
        #expect(share.submit(batch, to: 0, below: 16))
        before.entered.wait()
        before.gate.post()
        before.entered.wait()
        let isAwaited = share.isAwaited
        let releaser = try KernelThread(name: "releaser") {
            while !isAwaited() {}
            before.gate.post()
        }
        share.pause()
        releaser.join()
        for _ in 0..<4 { after.gate.post() }
        share.resume(after, Self.handles(1))
        #expect(try Self.ends(5, of: share).count == 5)
        #expect([0, 1, 2, 3].map { before[0x400 + 32 * $0] } == [1, 1, 0, 0])
        #expect([0, 1, 2, 3].map { after[0x400 + 32 * $0] } == [0, 0, 1, 1])
        #expect(after[0] == 1 && after[4] == 4 && before[0] == 0)
    }

    @Test(.rules("DSA-5", "DSA-17")) func whatIsDroppedDoesNotGoOn() throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 1))
        let memory = GatedMemory()
        let share = try accelerator.share(for: "s", Self.shape())
        share.open(0, Self.limits())
        share.resume(memory, Self.handles(1))
        for place in 0..<4 {
            let words = Self.gated(UInt64(place), record: UInt64(0x400 + 32 * place))
            memory.put(words + [0, 0, 0], at: 0x200 + 64 * place)
        }
        let batch = Self.descriptor([1 << 56 | 0x1c << 32, 0, 0x200, 0, 4 | 1 << 32])
        #expect(share.submit(batch, to: 0, below: 16))
        for place in 0..<3 {
            #expect(share.submit(Self.nop(1, record: 0x600), to: 0, below: 16), "\(place)")
        }
        memory.entered.wait()
        let isAwaited = share.isAwaited
        let releaser = try KernelThread(name: "releaser") {
            while !isAwaited() {}
            memory.gate.post()
        }
        #expect(share.drop(0) == 3)
        releaser.join()
        #expect(share.isIdle(0))
        #expect(memory.log == ["leaves 0"], "the batch ended with the descriptor that had begun")
        #expect(share.submit(Self.nop(1, record: 0x600), to: 0, below: 16), "it takes new ones")
        #expect(try Self.ends(2, of: share).count == 2)
        #expect(share.close(0) == 0 && !share.submit(batch, to: 0, below: 16))
    }

    @Test(.rule("DSA-14"), arguments: [false, true])
    func aFenceAfterAFailureEndsItsBatch(hasFence: Bool) throws {
        let accelerator = try Accelerator(name: "a", .init(engines: 2))
        let memory = GatedMemory()
        let share = try accelerator.share(for: "s", Self.shape())
        share.open(0, Self.limits())
        share.resume(memory, Self.handles(1))
        let flags: UInt64 = 0x0c << 32
        memory.put([3 << 56 | flags, 0x400, 0x10_0000, 0, 8, 0, 0, 0], at: 0x200)
        memory.put([flags, 0x420, 0, 0, 0, 0, 0, 0], at: 0x240)
        memory.put([(hasFence ? 0x0d : 0x0c) << 32, 0x440, 0, 0, 0, 0, 0, 0], at: 0x280)
        memory.put([flags, 0x460, 0, 0, 0, 0, 0, 0], at: 0x2c0)
        let batch = Self.descriptor([1 << 56 | 0x1c << 32, 0, 0x200, 0, 4 | 1 << 32])
        #expect(share.submit(batch, to: 0, below: 16))
        #expect(try Self.ends(1, of: share) == [.interrupt(vector: 1)])
        #expect(memory[0] == 5 && memory[4] == (hasFence ? 2 : 4))
        #expect(
            [0x400, 0x420, 0x440, 0x460].map { memory[$0] }
                == (hasFence ? [3, 1, 0, 0] : [3, 1, 1, 1]))
    }
}
