import Foundation
import Glibc
import LinuxKernel
import PlatformTypes
import Registers
import Synchronization
import TestTraits
import Testing

/// Blocks in real files, by an io_uring and by threads.
@Suite(.endsWhenHung)
struct BlockFileTests {
    /// A file of a test that goes with it.
    final class Scratch {
        let path: String

        init(bytes: Int) throws {
            path =
                FileManager.default.temporaryDirectory
                .appendingPathComponent("carillon-block-\(UUID().uuidString)").path
            try #require(FileManager.default.createFile(atPath: path, contents: nil))
            try truncate(to: bytes)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        /// What the file has at `offset`, as somebody else reads it.
        func bytes(at offset: Int, _ count: Int) throws -> [UInt8] {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }
            try file.seek(toOffset: UInt64(offset))
            return Array(try file.read(upToCount: count) ?? Data())
        }

        func truncate(to bytes: Int) throws {
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            try file.truncate(atOffset: UInt64(bytes))
            try file.close()
        }

        /// Bytes of the file system that it takes.
        var space: Int {
            get throws {
                let keys: Set<URLResourceKey> = [.fileAllocatedSizeKey]
                let values = try URL(filePath: path).resourceValues(forKeys: keys)
                return try #require(values.fileAllocatedSize)
            }
        }
    }

    private static func fill(_ file: BlockFile, _ place: Int, _ byte: UInt8) {
        file.withMemory(of: place) { bytes in
            for index in 0..<bytes.byteCount {
                bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
            }
        }
    }

    private static func contents(_ file: BlockFile, _ place: Int) -> [UInt8] {
        var list: [UInt8] = []
        file.withMemory(of: place) { bytes in
            list = (0..<bytes.byteCount).map { bytes.bytes.littleEndian(at: $0) }
        }
        return list
    }

    /// Waits until what runs has ended, and says what each request came to, by place.
    private static func endAll(_ file: BlockFile, _ count: Int) throws -> [Int: BlockOutcome] {
        let epoll = try EpollSet()
        try epoll.add(descriptor: file.descriptor, token: 1, interest: .readable)
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        var outcomes: [Int: BlockOutcome] = [:]
        while true {
            while let (place, outcome) = file.nextEnded() { outcomes[place] = outcome }
            if outcomes.count == count { return outcomes }
            _ = try epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds)
        }
    }

    private static func run(
        _ file: BlockFile, _ operation: BlockRequest, memory: Int = 0,
        filling byte: UInt8? = nil
    ) throws -> (outcome: BlockOutcome?, bytes: [UInt8]) {
        let place = try #require(file.take(bytes: memory))
        defer { file.giveBack(place) }
        if let byte { fill(file, place, byte) }
        file.begin(operation, in: place)
        file.submit()
        let outcome = try endAll(file, 1)[place]
        return (outcome, contents(file, place))
    }

    @Test(arguments: [true, false]) func everyOperationDoesWhatItSays(usesRing: Bool) throws {
        let scratch = try Scratch(bytes: 1 << 20)
        let file = try BlockFile(path: scratch.path, usesRing: usesRing)
        #expect(file.byteCount == 1 << 20)
        #expect(file.blockBytes == 512)
        if !usesRing { #expect(!file.usesRing) }
        for durably in [false, true] {
            let byte: UInt8 = durably ? 0x22 : 0x11
            let start = durably ? 65536 : 0
            let written = try Self.run(
                file, .write(at: UInt64(start), count: 65536, durably: durably), memory: 65536,
                filling: byte)
            #expect(written.outcome == .done)
            #expect(try scratch.bytes(at: start, 65536) == Array(repeating: byte, count: 65536))
        }
        let read = try Self.run(file, .read(at: 65024, count: 1024), memory: 1024)
        #expect(read.outcome == .done)
        #expect(
            read.bytes == Array(repeating: 0x11, count: 512) + Array(repeating: 0x22, count: 512))
        #expect(try Self.run(file, .flush).outcome == .done)
        let space = try scratch.space
        #expect(try Self.run(file, .discard(at: 0, count: 65536)).outcome == .done)
        #expect(try scratch.bytes(at: 0, 65536) == Array(repeating: 0, count: 65536))
        #expect(try scratch.space < space, "a discard gives space back")
        for mayUnmap in [true, false] {
            let start = mayUnmap ? 65536 : 98304
            let zeroed = try Self.run(
                file, .writeZeroes(at: UInt64(start), count: 16384, mayUnmap: mayUnmap))
            #expect(zeroed.outcome == .done)
            #expect(try scratch.bytes(at: start, 16384) == Array(repeating: 0, count: 16384))
            #expect(try scratch.bytes(at: start + 16384, 1) == [0x22], "no byte more")
        }
    }

    @Test(arguments: [true, false]) func allPlacesRunAtOnce(usesRing: Bool) throws {
        let scratch = try Scratch(bytes: BlockFile.placeCount * 512)
        let file = try BlockFile(path: scratch.path, usesRing: usesRing)
        var places: [Int] = []
        while let place = file.take(bytes: 512) { places.append(place) }
        #expect(places.count == BlockFile.placeCount)
        for (number, place) in places.enumerated() {
            Self.fill(file, place, UInt8(number))
            file.begin(
                .write(at: UInt64(512 * number), count: 512, durably: false), in: place)
        }
        file.submit()
        let outcomes = try Self.endAll(file, places.count)
        #expect(outcomes.values.allSatisfy { $0 == .done })
        for number in places.indices {
            #expect(try scratch.bytes(at: 512 * number, 1) == [UInt8(number)])
        }
        for place in places { file.giveBack(place) }
        #expect(file.take(bytes: 0) != nil)
    }

    @Test func memoryHasALimitThatOneRequestMayExceed() throws {
        let scratch = try Scratch(bytes: 4096)
        let file = try BlockFile(path: scratch.path)
        let large = try #require(file.take(bytes: BlockFile.memoryLimit + 512))
        #expect(file.take(bytes: 512) == nil)
        file.giveBack(large)
        let half = try #require(file.take(bytes: BlockFile.memoryLimit / 2))
        let other = try #require(file.take(bytes: BlockFile.memoryLimit / 2))
        #expect(file.take(bytes: 512) == nil)
        file.giveBack(half)
        #expect(file.take(bytes: 512) != nil)
        file.giveBack(other)
    }

    @Test(arguments: [true, false]) func aPartIsAllThereIs(usesRing: Bool) throws {
        let scratch = try Scratch(bytes: 8192)
        let file = try BlockFile(path: scratch.path, part: 2048..<4096, usesRing: usesRing)
        #expect(file.byteCount == 2048)
        let written = try Self.run(
            file, .write(at: 512, count: 1536, durably: false), memory: 1536, filling: 0x33)
        #expect(written.outcome == .done)
        let zeroes = [UInt8](repeating: 0, count: 2560)
        #expect(try scratch.bytes(at: 0, 2560) == zeroes)
        #expect(try scratch.bytes(at: 2560, 1536) == Array(repeating: 0x33, count: 1536))
        #expect(try scratch.bytes(at: 4096, 2560) == zeroes)
        #expect(throws: HostError.self) {
            _ = try BlockFile(path: scratch.path, part: 4096..<8704)
        }
    }

    @Test(arguments: [true, false]) func aFileThatLostItsEndFailsItsReads(usesRing: Bool) throws {
        let scratch = try Scratch(bytes: 8192)
        let heard = Mutex<[HostError]>([])
        let file = try BlockFile(path: scratch.path, usesRing: usesRing) { error in
            heard.withLock { $0.append(error) }
        }
        try scratch.truncate(to: 4096)
        // The half that is there does not make it done.
        #expect(try Self.run(file, .read(at: 2048, count: 4096), memory: 4096).outcome == .failed)
        #expect(heard.withLock { $0.map(\.code) } == [.block])
        #expect(heard.withLock { $0.map(\.errno) } == [EIO])
    }

    @Test(.rule("BLK-12")) func aFileHasOneWriterOrManyReaders() throws {
        let scratch = try Scratch(bytes: 4096)
        func refusal(isReadOnly: Bool) -> CInt? {
            do throws(HostError) {
                _ = try BlockFile(path: scratch.path, isReadOnly: isReadOnly)
                return nil
            } catch { return error.errno }
        }
        do {
            let writer = try BlockFile(path: scratch.path)
            #expect(refusal(isReadOnly: false) == EAGAIN)
            #expect(refusal(isReadOnly: true) == EAGAIN)
            _ = consume writer
        }
        let half = try BlockFile(path: scratch.path, part: 0..<2048)
        let other = try BlockFile(path: scratch.path, part: 2048..<4096)
        #expect(refusal(isReadOnly: true) == EAGAIN, "the whole has both halves")
        _ = (consume half, consume other)
        let reader = try BlockFile(path: scratch.path, isReadOnly: true)
        #expect(refusal(isReadOnly: true) == nil)
        #expect(refusal(isReadOnly: false) == EAGAIN)
        _ = consume reader
        #expect(refusal(isReadOnly: false) == nil)
    }

    @Test(arguments: [("/tmp/carillon-no-such-file", ENOENT), ("/dev/null", ENOTBLK)])
    func whatHasNoBlocksIsNotOpened(path: String, errno: CInt) {
        do throws(HostError) {
            _ = try BlockFile(path: path)
            Issue.record("it was opened")
        } catch {
            #expect(error.code == .blockFile)
            #expect(error.errno == errno)
        }
    }

    @Test(.rule("BLK-13"), arguments: [true, false]) func anEndWaitsForWhatRuns(usesRing: Bool)
        throws
    {
        let scratch = try Scratch(bytes: 64 << 16)
        do {
            let file = try BlockFile(path: scratch.path, usesRing: usesRing)
            for number in 0..<64 {
                let place = try #require(file.take(bytes: 1 << 16))
                Self.fill(file, place, 0x44)
                file.begin(
                    .write(at: UInt64(number) << 16, count: 1 << 16, durably: true), in: place)
            }
            file.submit()
            #expect(file.isBusy)
            _ = consume file
        }
        #expect(
            try scratch.bytes(at: 0, 64 << 16) == Array(repeating: 0x44, count: 64 << 16),
            "nothing that was begun is half done")
    }

    @Test(.rule("BLK-13")) func refusalsOfTheHostAreAnswersAndNothingStops() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch(bytes: 4096)
            let heard = Mutex<[CInt]>([])
            HostFaults.arm([HostFault(.blockFile, .fail(errno: EACCES))])
            #expect(throws: HostError.self) { _ = try BlockFile(path: scratch.path) }
            HostFaults.arm([HostFault(.ring, .fail(errno: EPERM))])
            let threaded = try BlockFile(path: scratch.path)
            #expect(!threaded.usesRing)
            _ = consume threaded
            for usesRing in [false, true] {
                HostFaults.arm([HostFault(.block, .fail(errno: ENOSPC), first: 2)])
                let file = try BlockFile(path: scratch.path, usesRing: usesRing) { error in
                    heard.withLock { $0.append(error.errno) }
                }
                func write(_ byte: UInt8) throws -> BlockOutcome? {
                    try BlockFileTests.run(
                        file, .write(at: 0, count: 512, durably: false), memory: 512, filling: byte
                    ).outcome
                }
                #expect(try write(1) == .done)
                #expect(try write(2) == .failed)
                #expect(try scratch.bytes(at: 0, 1) == [1])
                #expect(heard.withLock { $0.popLast() } == ENOSPC)
                // What the ring does not take is done here.
                HostFaults.arm([HostFault(.ring, .fail(errno: EAGAIN), count: 100)])
                #expect(try write(3) == .done)
                #expect(try scratch.bytes(at: 0, 1) == [3])
                HostFaults.arm([])
                #expect(try write(4) == .done)
                #expect(try scratch.bytes(at: 0, 1) == [4])
            }
        }
    }
}
