import DeviceModels
import Registers
import TestTraits
import Testing

/// Somebody who says and takes what a test wants.
private final class ScriptedChannel: ConsoleChannel {
    let descriptor: Int32 = -1
    var input: [UInt8] = []
    var taken: [UInt8] = []
    /// Bytes that are taken yet; nil while nobody is there.
    var room: Int? = .max
    var welcomed = 0
    private(set) var interest = (input: false, output: false)

    func welcome() { welcomed += 1 }

    func setInterest(input: Bool, output: Bool) { interest = (input, output) }

    func read(into bytes: inout MutableRawSpan) -> Int {
        let count = min(bytes.byteCount, input.count)
        for index in 0..<count {
            bytes.storeBytes(of: input[index], toByteOffset: index, as: UInt8.self)
        }
        input.removeFirst(count)
        return count
    }

    func write(_ bytes: RawSpan) -> Int? {
        guard let room else { return nil }
        let count = min(room, bytes.byteCount)
        for index in 0..<count { taken.append(bytes.littleEndian(at: index)) }
        self.room = room == .max ? .max : room - count
        return count
    }
}

private typealias ConsoleMachine = QueueMachine<VirtioConsole<ScriptedChannel>>

struct VirtioConsoleTests {
    private let channel = ScriptedChannel()
    private let machine: ConsoleMachine

    init() throws {
        machine = try ConsoleMachine(VirtioConsole(channel: channel))
        machine.start(features: 0)
    }

    private func output(_ count: Int, head: Int = 0) -> [UInt8] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 + head) }
        for (index, byte) in bytes.enumerated() {
            machine.memory.store(byte, at: 0x8000 + 0x800 * head + index)
        }
        machine.offer([(0x8000 + 0x800 * head, count, false)], head: head, queue: 1)
        return bytes
    }

    @Test(.rule("CON-1"), arguments: [1, 7, 64, 4096, Int.max]) func outputIsTakenInOrder(
        room: Int
    ) {
        channel.room = min(room, 10_000)
        var expected: [UInt8] = []
        for head in 0..<3 { expected += output(100 + head, head: head) }
        while channel.taken.count < expected.count {
            #expect(channel.interest.output, "it waits to go on")
            channel.room = min(room, 10_000)
            #expect(machine.backendReady())
        }
        #expect(channel.taken == expected)
        #expect(machine.usedElements(1).map(\.head) == [0, 1, 2])
        #expect(!channel.interest.output)
        #expect(machine.endpoint.model.device.bytesDropped == 0)
    }

    @Test(.rule("CON-2")) func whatNobodyHearsIsDroppedAndCounted() {
        channel.room = nil
        _ = output(100)
        #expect(machine.usedIndex(1) == 1)
        #expect(machine.endpoint.model.device.bytesDropped == 100)
    }

    @Test(.rule("CON-2")) func whoTakesNothingForASecondIsNobodyUntilTheyDo() {
        channel.room = 10
        let first = output(100)
        #expect(machine.usedIndex(1) == 0)
        #expect(machine.endpoint.bus.timerNanoseconds == 1_000_000_000)
        _ = output(50, head: 1)
        machine.endpoint.expireTimer(1)
        #expect(machine.usedIndex(1) == 2, "the guest goes on")
        #expect(machine.endpoint.model.device.bytesDropped == 140)
        #expect(machine.endpoint.bus.timerNanoseconds == nil)
        _ = output(20, head: 2)
        #expect(machine.usedIndex(1) == 3)
        #expect(machine.endpoint.model.device.bytesDropped == 160)
        #expect(channel.interest.output, "it is heard when they take some again")
        channel.room = 10_000
        machine.backendReady()
        let last = output(30, head: 3)
        #expect(channel.taken == Array(first.prefix(10)) + last)
    }

    @Test(.rule("CON-3")) func inputWaitsForBuffers() {
        channel.input = Array(0..<200)
        machine.backendReady()
        #expect(channel.input.count == 200, "nobody has asked for it")
        machine.offer([(0x8000, 64, true)])
        #expect(machine.usedElements().map(\.written) == [64])
        #expect(!channel.interest.input, "there is no buffer for more")
        machine.offer([(0x9000, 40, true), (0xa000, 200, true)], head: 1)
        #expect(machine.usedElements().map(\.written) == [64, 136])
        #expect((0..<64).allSatisfy { machine.memory.byte(0x8000 + $0) == UInt8($0) })
        #expect((0..<40).allSatisfy { machine.memory.byte(0x9000 + $0) == UInt8(64 + $0) })
        #expect((0..<96).allSatisfy { machine.memory.byte(0xa000 + $0) == UInt8(104 + $0) })
        machine.offer([(0x8000, 64, true)], head: 4)
        #expect(channel.interest.input)
        #expect(!machine.backendReady(), "nothing came")
        channel.input = [7]
        #expect(machine.backendReady())
        #expect(machine.usedElements().last?.written == 1)
        #expect(machine.memory.byte(0x8000) == 7)
    }

    @Test(.rule("CON-4")) func aCharacterNeedsNoQueue() {
        machine.set(20, 0, .byte)
        machine.set(2 * 4096 + 8, 0x41, .dword)
        #expect(channel.taken == [0x41])
        #expect(machine.get(2 * 4096 + 8, .dword) == 0)
        channel.room = nil
        machine.set(2 * 4096 + 8, 0x42, .dword)
        #expect(machine.endpoint.model.device.bytesDropped == 1)
    }

    @Test(.rule("CON-5")) func aResetForgetsWhatWasBegun() {
        channel.room = 10
        _ = output(100)
        machine.offer([(0xc000, 64, true)])
        machine.set(20, 0, .byte)
        #expect(channel.interest == (input: false, output: false))
        machine.start(features: 0)
        channel.room = 10_000
        channel.input = [1]
        machine.backendReady()
        machine.endpoint.expireTimer(1)
        #expect(channel.taken.count == 10)
        #expect(channel.input == [1])
        #expect(machine.usedIndex(0) == 0 && machine.usedIndex(1) == 0)
        machine.offer([(0xc000, 64, true)])
        #expect(machine.usedIndex(0) == 1)
    }

    @Test(.rule("CON-5")) func buffersThatAreNoneBreakTheQueue() {
        machine.offer([(0xc000, 64, false)])
        #expect(machine.needsReset)
        _ = output(10)
        #expect(channel.taken.isEmpty)
    }
}
