import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct UnixListenerTests {
        let directory = TemporaryDirectory()

        @Test func clientAndServerMeet() throws {
            let listener = try UnixListener(path: directory.file("socket"))
            #expect(try isNil(listener.accept()))
            let client = try UnixStream.connect(path: directory.file("socket"))
            guard let server = try listener.accept() else {
                Issue.record("the client waits in the queue")
                return
            }
            #expect(server.send([1, 2, 3], blocking: false) == .bytes(3))
            let buffer = ReceiveBuffer(capacity: 16, maximumCapacity: 16)
            #expect(client.receive(into: buffer, blocking: true) == .bytes(3))
            #expect(try isNil(listener.accept()))
        }

        @Test(arguments: [0o600, 0o660, 0o666, 0o777, 0o000] as [UInt32])
        func thePathHasExactlyTheModeAskedFor(mode: UInt32) throws {
            let listener = try UnixListener(
                path: directory.file("socket"), access: SocketAccess(mode: mode))
            #expect(listener.path == directory.file("socket"))
            #expect(directory.mode(of: "socket") == S_IFSOCK | mode)
        }

        @Test func thePathGoesWithTheListener() throws {
            let listener = try UnixListener(path: directory.file("socket"))
            #expect(directory.mode(of: "socket") != nil)
            listener.close()
            #expect(directory.mode(of: "socket") == nil)
        }

        @Test func anotherFileOnThePathStays() throws {
            let listener = try UnixListener(path: directory.file("socket"))
            directory.rename("socket", to: "moved")
            _ = directory.makeFile("socket")
            listener.close()
            #expect(directory.mode(of: "socket").map { $0 & S_IFMT } == S_IFREG)
        }

        @Test func anotherSocketOnThePathStays() throws {
            let old = try UnixListener(path: directory.file("socket"))
            directory.rename("socket", to: "moved")
            let new = try UnixListener(path: directory.file("socket"))
            old.close()
            #expect(directory.mode(of: "socket") != nil)
            new.close()
            #expect(directory.mode(of: "socket") == nil)
        }

        @Test func aStaleSocketIsReplaced() throws {
            try leaveStaleSocket("socket")
            let listener = try UnixListener(path: directory.file("socket"))
            _ = try UnixStream.connect(path: directory.file("socket"))
            #expect(try !isNil(listener.accept()))
        }

        @Test func aLiveSocketIsRefusedAndStaysInUse() throws {
            let live = try UnixListener(path: directory.file("socket"))
            let error = listenError("socket")
            #expect(error?.code == .listen)
            #expect(error?.errno == EADDRINUSE)
            #expect(error?.advice.contains("Another process") == true)
            #expect(try !isNil(live.accept()), "the probe knocked")
            _ = try UnixStream.connect(path: directory.file("socket"))
            #expect(try !isNil(live.accept()))
        }

        @Test func aLiveSocketWithAFullQueueIsRefusedWithoutWaiting() throws {
            let live = try UnixListener(path: directory.file("socket"), backlog: 0)
            let waiting = try UnixStream.connect(path: directory.file("socket"))
            #expect(listenError("socket")?.errno == EADDRINUSE)
            #expect(waiting.pendingBytes == 0)
            let error = failure { () throws(HostError) in
                _ = try UnixStream.connect(path: directory.file("socket"), timeoutMilliseconds: 1)
            }
            #expect(error?.code == .connect)
            #expect(error?.errno == EAGAIN)
            live.close()
        }

        @Test func aFileThatIsNotASocketIsNeverRemoved() {
            _ = directory.makeFile("socket")
            let error = listenError("socket")
            #expect(error?.code == .listen)
            #expect(error?.errno == EEXIST)
            #expect(error?.advice.contains("not a socket") == true)
            #expect(directory.mode(of: "socket").map { $0 & S_IFMT } == S_IFREG)
        }

        @Test func aSymbolicLinkToAStaleSocketIsNotFollowed() throws {
            try leaveStaleSocket("stale")
            // SAFETY: the C library reads the strings only during the call.
            #expect(unsafe symlink(directory.file("stale"), directory.file("socket")) == 0)
            #expect(listenError("socket")?.errno == EEXIST)
            #expect(directory.mode(of: "stale") != nil)
        }

        @Test func aPathOf107BytesFitsAndOneOf108DoesNot() throws {
            let stem = directory.file("")
            let longest = String(repeating: "s", count: 107 - stem.utf8.count)
            let listener = try UnixListener(path: stem + longest)
            _ = try UnixStream.connect(path: stem + longest)
            #expect(try !isNil(listener.accept()))
            let error = listenError(longest + "s")
            #expect(error?.code == .socketPath)
            #expect(error?.errno == ENAMETOOLONG)
            #expect(error?.advice.contains("108 bytes") == true)
        }

        // As bytes, for the test run prints its arguments, and a NUL would cut the line.
        @Test(arguments: [[], Array("/tmp/a\0b".utf8)])
        func aPathThatCannotBeAnAddressIsRefused(bytes: [UInt8]) {
            let path = String(decoding: bytes, as: UTF8.self)
            let error = failure { () throws(HostError) in _ = try UnixListener(path: path) }
            #expect(error?.code == .socketPath)
            #expect(error?.errno == EINVAL)
        }

        @Test func aMissingDirectoryIsNamed() {
            let error = listenError("missing/socket")
            #expect(error?.code == .listen)
            #expect(error?.errno == ENOENT)
            #expect(error?.subject == directory.file("missing/socket"))
        }

        @Test func anInheritedListenerServesAndLeavesThePath() throws {
            let listener = try UnixListener(path: directory.file("socket"))
            let inherited = try UnixListener(adopting: .duplicate(of: listener.raw))
            #expect(inherited.path == nil)
            _ = try UnixStream.connect(path: directory.file("socket"))
            #expect(try !isNil(inherited.accept()))
            inherited.close()
            #expect(directory.mode(of: "socket") != nil)
        }

        @Test func aSocketThatDoesNotListenIsNotAdopted() throws {
            let pair = try UnixStream.pair()
            let raw = pair.first.raw
            let error = failure { () throws(HostError) in
                _ = try UnixListener(adopting: .duplicate(of: raw))
            }
            #expect(error?.code == .descriptorKind)
        }

        @Test(.isolatedDescriptorTable)
        func withoutANumberLeftTheClientStaysInTheQueue() async {
            await #expect(processExitsWith: .success) {
                let directory = TemporaryDirectory()
                let listener = try UnixListener(path: directory.file("socket"))
                let client = try UnixStream.connect(path: directory.file("socket"))
                DescriptorTable.exhaust()
                var thrown: HostError?
                do throws(HostError) {
                    _ = try listener.accept()
                } catch {
                    thrown = error
                }
                #expect(thrown?.code == .accept)
                #expect(thrown?.errno == EMFILE)
                close(0)
                #expect(try !isNil(listener.accept()))
                #expect(client.pendingBytes == 0)
            }
        }

        /// Leaves what a server that was killed leaves.
        private func leaveStaleSocket(_ name: String) throws {
            let dead = try UnixListener(path: directory.file("dead"))
            directory.rename("dead", to: name)
            dead.close()
        }

        private func listenError(_ name: String) -> HostError? {
            failure { () throws(HostError) in _ = try UnixListener(path: directory.file(name)) }
        }
    }
}

/// Whether nobody was let in.
private func isNil(_ stream: consuming UnixStream?) -> Bool {
    switch stream {
    case .none: true
    case .some: false
    }
}
