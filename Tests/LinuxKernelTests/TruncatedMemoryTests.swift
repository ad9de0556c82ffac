import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct TruncatedMemoryTests {
        @Test func everyAccessToALostPageIsAnAnswer() throws {
            let file = try MemoryFile(name: "cut", size: 8_192, sealShrink: false)
            let memory = try map(file.raw)
            #expect(memory.copyOut([5], to: 0) == .ok)
            try file.truncate(to: 4_096)
            var bytes = [UInt8](repeating: 0, count: 16)
            #expect(memory.copyIn(from: 4_096, into: &bytes) == .truncated)
            #expect(memory.copyIn(from: 4_088, into: &bytes) == .truncated)
            #expect(memory.copyOut(bytes, to: 4_096) == .truncated)
            #expect(memory.loadAcquire16(at: 4_096) == .failed(.truncated))
            #expect(memory.loadAcquire32(at: 4_096) == .failed(.truncated))
            #expect(memory.loadAcquire64(at: 4_096) == .failed(.truncated))
            #expect(memory.storeRelease16(1, at: 4_096) == .truncated)
            #expect(memory.storeRelease32(1, at: 4_096) == .truncated)
            #expect(memory.storeRelease64(1, at: 4_096) == .truncated)
            #expect(memory.loadAcquire16(at: 0) == .value(5), "the rest of the file stays usable")
        }

        @Test func aPageThatComesBackIsUsableAgain() throws {
            let file = try MemoryFile(name: "back", size: 4_096, sealShrink: false)
            let memory = try map(file.raw, length: 4_096)
            try file.truncate(to: 0)
            #expect(memory.loadAcquire64(at: 0) == .failed(.truncated))
            try file.truncate(to: 4_096)
            #expect(memory.loadAcquire64(at: 0) == .value(0))
        }

        @Test func twoThreadsSurviveAtOnce() throws {
            let file = try MemoryFile(name: "cut", size: 8_192, sealShrink: false)
            let memory = try map(file.raw)
            try file.truncate(to: 4_096)
            let lost = (SharedNumber(), SharedNumber())
            func faulter(_ count: SharedNumber) -> @Sendable () -> Void {
                {
                    var bytes = [UInt8](repeating: 0, count: 64)
                    for _ in 0..<2_000 {
                        guard memory.copyIn(from: 4_096, into: &bytes) == .truncated,
                            memory.storeRelease32(1, at: 8_188) == .truncated,
                            memory.copyIn(from: 0, into: &bytes) == .ok
                        else { return }
                        count.increment()
                    }
                }
            }
            let first = try KernelThread(name: "faulter", faulter(lost.0))
            let second = try KernelThread(name: "faulter", faulter(lost.1))
            first.join()
            second.join()
            #expect(lost.0.load() == 1_999)
            #expect(lost.1.load() == 1_999)
        }

        @Test func aFaultOutsideTheGuardStillEndsTheProcess() async {
            await #expect(processExitsWith: .signal(SIGBUS)) {
                signal(SIGBUS, SIG_DFL)
                let file = try MemoryFile(name: "cut", size: 4_096, sealShrink: false)
                let memory = try map(file.raw, length: 4_096)
                try file.truncate(to: 0)
                precondition(memory.loadAcquire16(at: 0) == .failed(.truncated))
                touchUnguarded(file.raw)
            }
        }

        @Test func aSignalSentByHandStillEndsTheProcess() async {
            await #expect(processExitsWith: .signal(SIGBUS)) {
                signal(SIGBUS, SIG_DFL)
                let file = try MemoryFile(name: "whole", size: 4_096, sealShrink: false)
                _ = try map(file.raw, length: 4_096)
                raise(SIGBUS)
            }
        }

        @Test func theHandlerFoundAtTheStartGetsForeignFaults() async {
            await #expect(processExitsWith: .exitCode(42)) {
                exitOnBusError(42)
                let file = try MemoryFile(name: "cut", size: 4_096, sealShrink: false)
                let memory = try map(file.raw, length: 4_096)
                try file.truncate(to: 0)
                precondition(memory.loadAcquire16(at: 0) == .failed(.truncated))
                touchUnguarded(file.raw)
            }
        }
    }
}

private func map(_ raw: CInt, length: Int = 8_192) throws(HostError) -> MappedMemory {
    try MappedMemory(
        descriptor: raw, offset: 0, length: length, access: .readWrite, subject: "cut memory")
}

/// Reads the first byte of a file through a mapping that nobody guards.
private func touchUnguarded(_ raw: CInt) {
    // SAFETY: none is wanted: the page does not exist, and the fault is what the test is about.
    guard let place = unsafe mmap(nil, 4_096, PROT_READ, MAP_SHARED, raw, 0) else { return }
    _ = unsafe write(-1, place, Int(place.load(as: UInt8.self)))
}

/// Installs a SIGBUS handler as a host program might have.
private func exitOnBusError(_ code: CInt) {
    precondition(code == 42, "a C handler captures nothing")
    signal(SIGBUS) { _ in _exit(42) }
}
