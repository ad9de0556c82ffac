import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct MemoryFileTests {
        @Test func hasTheSizeAskedFor() throws {
            let file = try MemoryFile(name: "file", size: 4_097, sealShrink: false)
            #expect(try file.size == 4_097)
            try file.truncate(to: 10)
            #expect(try file.size == 10)
        }

        @Test func aSealedFileGrowsButDoesNotShrink() throws {
            let file = try MemoryFile(name: "file", size: 4_096, sealShrink: true)
            try file.truncate(to: 8_192)
            var thrown: HostError?
            do throws(HostError) {
                try file.truncate(to: 8_191)
            } catch {
                thrown = error
            }
            #expect(thrown?.code == .memoryFile)
            #expect(thrown?.errno == EPERM)
            #expect(try file.size == 8_192)
        }

        @Test func aSizeBeyondTheFileSystemIsAnError() {
            let error = failure { () throws(HostError) in
                _ = try MemoryFile(name: "huge", size: .max, sealShrink: false)
            }
            #expect(error?.code == .memoryFile)
            #expect(error?.errno == EFBIG)
        }
    }

    @Suite struct MappedMemoryTests: ~Copyable {
        let file: OwnedDescriptor

        init() throws {
            file = try MemoryFile(name: "memory", size: 16_384, sealShrink: false).release()
        }

        private func map(
            offset: UInt64 = 0,
            length: Int = 16_384,
            access: MappedMemory.Access = .readWrite
        ) throws(HostError) -> MappedMemory {
            try MappedMemory(
                descriptor: file.raw, offset: offset, length: length, access: access,
                subject: "test memory")
        }

        @Test(arguments: [0, 1, 4_095, 4_096, 4_097, 8_191] as [UInt64])
        func anyOffsetShowsTheBytesOfTheFileThere(offset: UInt64) throws {
            let whole = try map()
            let part = try map(offset: offset, length: 8_193)
            let written = (0..<8_193).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(part.copyOut(written, to: 0) == .ok)
            var seen = [UInt8](repeating: 0, count: 8_193)
            #expect(whole.copyIn(from: Int(offset), into: &seen) == .ok)
            #expect(seen == written)
        }

        @Test func aSpanCanBeFilledToo() throws {
            let memory = try map()
            #expect(memory.copyOut([1, 2, 3, 4], to: 8) == .ok)
            var value: UInt32 = 0
            // SAFETY: the four bytes of an integer, whose every pattern is valid.
            let outcome = unsafe withUnsafeMutableBytes(of: &value) { bytes in
                var span = unsafe MutableRawSpan(_unsafeBytes: bytes)
                return memory.copyIn(from: 8, into: &span)
            }
            #expect(outcome == .ok)
            #expect(value == 0x0403_0201)
        }

        @Test(arguments: [-1, 0, 1, 8, 9, 10, 11, Int.max, Int.min])
        func rangesThatLeaveTheMappingTouchNothing(offset: Int) throws {
            let memory = try map(offset: 3, length: 10)
            for count in [0, 1, 2, 10, 11] {
                let inside = offset >= 0 && offset <= 10 && count <= 10 - offset
                var bytes = [UInt8](repeating: 9, count: count)
                let expected: MappedMemory.Outcome = inside ? .ok : .outOfBounds
                #expect(memory.copyOut(bytes, to: offset) == expected)
                #expect(memory.copyIn(from: offset, into: &bytes) == expected)
            }
            let sum = try fileSum()
            #expect(sum <= 9 * 10)
        }

        @Test(arguments: 0..<24)
        func atomicsNeedNaturalAlignmentAndRoom(offset: Int) throws {
            let memory = try map(length: 16)
            func expected(_ width: Int) -> MappedMemory.Outcome {
                offset > 16 - width ? .outOfBounds : offset % width == 0 ? .ok : .misaligned
            }
            #expect(memory.storeRelease16(0x1234, at: offset) == expected(2))
            #expect(memory.loadAcquire16(at: offset) == loaded(0x1234, expected(2)))
            #expect(memory.storeRelease32(0x1234_5678, at: offset) == expected(4))
            #expect(memory.loadAcquire32(at: offset) == loaded(0x1234_5678, expected(4)))
            #expect(memory.storeRelease64(0x1234_5678_9abc_def0, at: offset) == expected(8))
            #expect(memory.loadAcquire64(at: offset) == loaded(0x1234_5678_9abc_def0, expected(8)))
        }

        @Test func alignmentIsThatOfTheAddressNotOfTheOffset() throws {
            let memory = try map(offset: 1, length: 64)
            #expect(memory.loadAcquire16(at: 0) == .failed(.misaligned))
            #expect(memory.loadAcquire16(at: 1) == .value(0))
            #expect(memory.storeRelease64(1, at: 7) == .ok)
        }

        @Test func valuesAreLittleEndianInMemory() throws {
            let memory = try map()
            #expect(memory.storeRelease32(0x0403_0201, at: 0) == .ok)
            var bytes = [UInt8](repeating: 0, count: 4)
            #expect(memory.copyIn(from: 0, into: &bytes) == .ok)
            #expect(bytes == [1, 2, 3, 4])
        }

        @Test func aReadOnlyMappingRefusesEveryStore() throws {
            let memory = try map(access: .readOnly)
            #expect(memory.copyOut([1], to: 0) == .readOnly)
            #expect(memory.storeRelease16(1, at: 0) == .readOnly)
            #expect(memory.storeRelease32(1, at: 0) == .readOnly)
            #expect(memory.storeRelease64(1, at: 0) == .readOnly)
            #expect(memory.loadAcquire64(at: 0) == .value(0))
        }

        @Test func whatWasWrittenBeforeAReleaseIsSeenAfterAnAcquire() throws {
            let writer = try map()
            let reader = try map(access: .readOnly)
            let thread = try KernelThread(name: "writer") {
                for round in 1...2_000 as ClosedRange<UInt32> {
                    let byte = UInt8(truncatingIfNeeded: round)
                    _ = writer.copyOut([byte, byte, byte, byte], to: 64)
                    MappedMemory.fullFence()
                    _ = writer.storeRelease32(round, at: 0)
                    while writer.loadAcquire32(at: 128) != .value(round) { sched_yield() }
                }
            }
            let reply = try map()
            var torn = 0
            for round in 1...2_000 as ClosedRange<UInt32> {
                while reader.loadAcquire32(at: 0) != .value(round) { sched_yield() }
                let byte = UInt32(UInt8(truncatingIfNeeded: round))
                if reader.loadAcquire32(at: 64) != .value(byte &* 0x0101_0101) { torn += 1 }
                _ = reply.storeRelease32(round, at: 128)
            }
            thread.join()
            #expect(torn == 0)
        }

        private func loaded<Value>(
            _ value: Value,
            _ outcome: MappedMemory.Outcome
        ) -> MappedMemory.Loaded<Value> {
            outcome == .ok ? .value(value) : .failed(outcome)
        }

        private func fileSum() throws -> Int {
            var bytes = [UInt8](repeating: 0, count: 16_384)
            #expect(try map(access: .readOnly).copyIn(from: 0, into: &bytes) == .ok)
            return bytes.reduce(0) { $0 + Int($1) }
        }
    }

    @Suite struct MappingRefusalTests {
        @Test(
            arguments: [
                (0, 4_097), (1, 4_096), (4_096, 1), (.max, 1), (.max, .max), (0, 0), (0, -1),
            ] as [(UInt64, Int)])
        func aRangeBeyondTheFileIsRefused(offset: UInt64, length: Int) throws {
            let file = try MemoryFile(name: "short", size: 4_096, sealShrink: false)
            let error = mapError(file.raw, offset: offset, length: length)
            #expect(error?.code == .mapRange)
            #expect(error?.advice.contains("4096 bytes") == true)
            #expect(error?.subject == "DMA region 7")
        }

        @Test func whatIsNotAFileIsRefused() throws {
            let event = try EventFD()
            let pair = try UnixStream.pair()
            #expect(mapError(event.raw)?.code == .descriptorKind)
            #expect(mapError(pair.first.raw)?.code == .descriptorKind)
            #expect(mapError(-1)?.code == .descriptor)
        }

        @Test func aDescriptorOpenedForReadingCannotBeMappedForWriting() throws {
            let directory = TemporaryDirectory()
            let file = directory.makeFile("file")
            #expect(ftruncate(file.raw, 4_096) == 0)
            // SAFETY: the C library reads the string only during the call.
            let readable = OwnedDescriptor(
                adopting: unsafe open(directory.file("file"), O_RDONLY | O_CLOEXEC))
            let error = mapError(readable.raw)
            #expect(error?.code == .map)
            #expect(error?.errno == EACCES)
            #expect(error?.advice.contains("opened for the access") == true)
        }

        private func mapError(_ raw: CInt, offset: UInt64 = 0, length: Int = 1) -> HostError? {
            failure { () throws(HostError) in
                _ = try MappedMemory(
                    descriptor: raw, offset: offset, length: length, access: .readWrite,
                    subject: "DMA region 7")
            }
        }
    }
}
