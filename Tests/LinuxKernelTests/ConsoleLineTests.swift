import Foundation
import Glibc
import LinuxKernel
import Registers
import TestTraits
import Testing

@Suite(.endsWhenHung) struct ConsoleLineTests: ~Copyable {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("carillon-console-\(UUID().uuidString.prefix(8))").path

    deinit { try? FileManager.default.removeItem(atPath: path) }

    private static func write(_ line: ConsoleLine, _ text: String) -> Int? {
        Array(text.utf8).withRawSpan { line.write($0) }
    }

    private static func read(_ line: ConsoleLine) -> String {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = bytes.withMutableRawSpan { line.read(into: &$0) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Waits until the line can be read; a terminal hands on in its own time what was written.
    private static func becomesReady(_ line: ConsoleLine) throws -> Bool {
        try isReady(line, waiting: 20_000)
    }

    private static func isReady(_ line: ConsoleLine, waiting: CInt = 0) throws -> Bool {
        let epoll = try EpollSet()
        try epoll.add(descriptor: line.descriptor, token: 1, interest: .readable)
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        return try epoll.wait(into: &ready, timeoutMilliseconds: waiting) == 1
    }

    private static func file(of stream: borrowing UnixStream) throws -> FileHandle {
        FileHandle(
            fileDescriptor: try OwnedDescriptor.duplicate(of: stream.raw).release(),
            closeOnDealloc: true)
    }

    @Test(.rule("CON-6")) func aSocketHasOnePeerAndTheNextOneWaits() throws {
        let line = try ConsoleLine(.socket(path: path, SocketAccess()))
        #expect(Self.write(line, "x") == nil, "nobody is there")
        var first: UnixStream? = try UnixStream.connect(path: path)
        #expect(try Self.becomesReady(line))
        line.welcome()
        #expect(line.isConnected)
        let second = try UnixStream.connect(path: path)
        let other = try Self.file(of: second)
        try other.write(contentsOf: Data("later".utf8))
        line.welcome()
        #expect(try !Self.isReady(line), "nothing is of interest, and the second one waits")
        #expect(Self.write(line, "to the first") == 12)
        line.setInterest(input: true, output: false)
        #expect(try !Self.isReady(line))
        // A process that another test is just starting may hold a copy of the descriptor: closing
        // ours ends the connection only when that copy has gone, too.
        first?.hangUp()
        _ = first.take()
        #expect(try Self.becomesReady(line))
        #expect(Self.read(line) == "")
        #expect(!line.isConnected)
        line.welcome()
        #expect(Self.read(line) == "later")
        #expect(Self.write(line, "hello") == 5)
        #expect(try other.read(upToCount: 5) == Data("hello".utf8))
        line.setInterest(input: false, output: true)
        #expect(try Self.becomesReady(line), "it can be written")
        line.setInterest(input: false, output: false)
        try other.write(contentsOf: Data("more".utf8))
        #expect(try !Self.isReady(line), "input that nobody wants wakes nobody")
    }

    @Test(.rule("CON-6")) func aFullPeerTakesNothingAndNobodyWaits() throws {
        let line = try ConsoleLine(.socket(path: path, SocketAccess()))
        let peer = try UnixStream.connect(path: path)
        line.welcome()
        var total = 0
        while let taken = Self.write(line, String(repeating: "x", count: 4096)), taken > 0 {
            total += taken
        }
        #expect(total > 0 && line.isConnected)
        line.setInterest(input: false, output: true)
        #expect(try !Self.isReady(line))
        #expect(try Self.file(of: peer).read(upToCount: total)?.count == total)
        #expect(try Self.becomesReady(line))
    }

    @Test(.rule("CON-6")) func aTerminalIsThereBeforeAndAfterItsReader() throws {
        do {
            let line = try ConsoleLine(.terminal(link: path, SocketAccess(mode: 0o640)))
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: path)
            let attributes = try FileManager.default.attributesOfItem(atPath: target)
            #expect(attributes[.posixPermissions] as? Int == 0o640)
            #expect(Self.write(line, "early\n") == 6)
            for word in ["one\n", "two\n"] {
                let person = try #require(FileHandle(forUpdatingAtPath: path))
                if word == "one\n" {
                    #expect(try person.read(upToCount: 6) == Data("early\n".utf8))
                }
                try person.write(contentsOf: Data(word.utf8))
                line.setInterest(input: true, output: false)
                #expect(try Self.becomesReady(line))
                #expect(Self.read(line) == word)
                try person.close()
                #expect(try !Self.isReady(line), "a terminal does not hang up")
            }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == nil)
    }

    @Test(.rule("CON-6")) func aLinkReplacesALinkAndNothingElse() throws {
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: "/nowhere")
        do { _ = try ConsoleLine(.terminal(link: path, SocketAccess())) }
        try Data().write(to: URL(filePath: path))
        do throws(HostError) {
            _ = try ConsoleLine(.terminal(link: path, SocketAccess()))
            Issue.record("a file was replaced")
        } catch {
            #expect(error.code == .console)
            #expect(error.errno == EEXIST)
        }
        #expect(FileManager.default.fileExists(atPath: path))
    }
}
