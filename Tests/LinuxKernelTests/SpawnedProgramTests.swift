import Glibc
import LinuxKernel
import TestTraits
import Testing

extension KernelObjects {
    @Suite(.endsWhenHung) struct SpawnedProgramTests {
        /// What a shell writes that runs `script`, and how it ends.
        private static func shell(
            _ script: String, _ arguments: [String] = [], variables: [String: String] = [:],
            input: CInt? = nil
        ) throws -> (text: String, end: SpawnedProgram.End?) {
            let file = try MemoryFile(name: "output", size: 0, sealShrink: false)
            let program = try SpawnedProgram(
                "/bin/sh", ["-c", script, "sh"] + arguments, variables: variables,
                .init(input: input, output: file.raw, errors: file.raw))
            let end = program.wait()
            #expect(program.wait() == end, "it ends once")
            var bytes = [UInt8](repeating: 0, count: 4096)
            // SAFETY: the kernel writes no more than the buffer has.
            let count = unsafe pread(file.raw, &bytes, bytes.count, 0)
            return (String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self), end)
        }

        @Test func itHasItsWordsVariablesAndStreams() throws {
            let (text, end) = try Self.shell(
                #"cat; echo "$#,$1,$2,$A,${B-none},$HOME" >&2; exit 7"#, ["", "b c"],
                variables: ["A": "x=y", "HOME": "ä"])
            #expect(text == "2,,b c,x=y,none,ä\n", "/dev/null has nothing to read")
            #expect(end == .exited(7))
        }

        @Test func itReadsWhatItIsGiven() throws {
            let pair = try UnixStream.pair()
            #expect(pair.first.send(Array("hello\n".utf8), blocking: true) == .bytes(6))
            let (text, end) = try Self.shell("read line; echo $line", input: pair.second.raw)
            #expect(text == "hello\n")
            #expect(end == .exited(0))
        }

        @Test func itHasNoOtherDescriptorAndNoSignalBlocked() throws {
            let event = try EventFD()
            // Without FD_CLOEXEC, and beyond what a shell opens itself.
            let inherited = fcntl(event.raw, F_DUPFD, 100)
            defer { close(inherited) }
            #expect(inherited >= 100)
            let (text, _) = try Self.shell(
                "cd /proc/$$/fd; echo *; exec grep -E '^Sig(Blk|Ign)' /proc/self/status")
            let lines = text.split(separator: "\n")
            #expect(lines.first == "0 1 2 3", "3 is the directory that is read")
            // The C library keeps signals 32 and 33 for itself.
            let masks = lines.dropFirst().compactMap { $0.split(separator: "\t").last }
            #expect(masks.count == 2)
            #expect(masks.allSatisfy { UInt64($0, radix: 16).map { $0 & ~0x1_8000_0000 } == 0 })
        }

        @Test func itHasAGroupOfItsOwn() throws {
            let (text, _) = try Self.shell(
                "read a b c d group rest < /proc/$$/stat; echo $$ $group")
            let numbers = text.split(whereSeparator: \.isWhitespace)
            #expect(numbers.count == 2 && numbers[0] == numbers[1])
        }

        @Test func streamsMayBeAnyDescriptors() async {
            // In a process of its own, whose own streams are changed.
            await #expect(processExitsWith: .success) {
                let first = try MemoryFile(name: "first", size: 0, sealShrink: false)
                let second = try MemoryFile(name: "second", size: 0, sealShrink: false)
                #expect(dup2(first.raw, 0) == 0 && dup2(second.raw, 1) == 1)
                let program = try SpawnedProgram(
                    "/bin/sh", ["-c", "cat; echo error >&2; echo more"], variables: [:],
                    .init(output: 1, errors: 0))
                #expect(program.wait() == .exited(0))
                for (file, text) in [(first.raw, "error\n"), (second.raw, "more\n")] {
                    var bytes = [UInt8](repeating: 0, count: 64)
                    // SAFETY: the kernel writes no more than the buffer has.
                    let count = unsafe pread(file, &bytes, bytes.count, 0)
                    #expect(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self) == text)
                }
            }
        }

        @Test func anIgnoredSIGCHLDLosesNoStatus() async {
            await #expect(processExitsWith: .success) {
                _ = signal(SIGCHLD, SIG_IGN)
                for status: Int32 in [0, 3] {
                    let program = try SpawnedProgram(
                        "/bin/sh", ["-c", "exit \(status)"], variables: [:], .init())
                    #expect(program.wait() == .exited(status))
                }
            }
        }

        @Test func whatTheHostRefusesIsSaid() async {
            await #expect(processExitsWith: .success) {
                HostFaults.arm([try #require(HostFault("HOST-PROGRAM=EAGAIN@1"))])
                let error = failure { () throws(HostError) in
                    _ = try SpawnedProgram("/bin/true", [], variables: [:], .init())
                }
                #expect(error?.code == .program && error?.errno == EAGAIN)
                let program = try SpawnedProgram("/bin/true", [], variables: [:], .init())
                #expect(program.wait() == .exited(0))
            }
        }

        @Test func itIsStartedBesideThousandsOfDescriptors() throws {
            let events = try (0..<3000).map { _ in Kept(try EventFD()) }
            #expect(try Self.shell("echo 1").text == "1\n")
            withExtendedLifetime(events) {}
        }

        private final class Kept {
            let event: EventFD
            init(_ event: consuming EventFD) { self.event = event }
        }

        @Test(arguments: [SIGTERM, SIGKILL]) func aSignalEndsIt(signal: CInt) throws {
            let pair = try UnixStream.pair()
            let program = try SpawnedProgram(
                "/bin/cat", [], variables: [:], .init(input: pair.second.raw))
            #expect(program.wait(milliseconds: 0) == nil)
            program.send(signal)
            #expect(program.wait() == .signaled(signal))
            program.send(signal)
        }

        @Test(arguments: [
            ("/nonexistent", [], ENOENT), ("/etc/passwd", [], EACCES), ("/proc", [], EACCES),
            ("/bin/sh", ["a\0b"], EINVAL),
        ])
        func whatCannotBeStartedIsSaid(path: String, words: [String], errno: CInt) {
            let error = failure { () throws(HostError) in
                _ = try SpawnedProgram(path, words, variables: [:], .init())
            }
            #expect(error?.code == .program)
            #expect(error?.errno == errno)
            #expect(error?.subject == path)
        }
    }
}
