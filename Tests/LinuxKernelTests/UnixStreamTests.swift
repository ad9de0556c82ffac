import Glibc
import LinuxKernel
import Registers
import Testing

extension KernelObjects {
    @Suite struct UnixStreamTests {
        let buffer = ReceiveBuffer(capacity: 4_096, maximumCapacity: 65_536)

        @Test func bytesArriveInOrder() throws {
            let pair = try UnixStream.pair()
            #expect(pair.first.send([1, 2, 3], blocking: false) == .bytes(3))
            #expect(pair.first.send([4], blocking: true) == .bytes(1))
            #expect(pair.second.pendingBytes == 4)
            #expect(pair.second.receive(into: buffer, blocking: true) == .bytes(4))
            #expect(buffer.unread == [1, 2, 3, 4])
            #expect(pair.second.pendingBytes == 0)
        }

        /// With bytes unread, a close is an error for the peer; a hang-up is an end.
        @Test(arguments: [true, false]) func aPeerSeesAnEndAndNoError(hangsUp: Bool) throws {
            let ends = try UnixStream.pair()
            let mine = ends.first
            let theirs = ends.second
            #expect(theirs.send([1, 2, 3], blocking: false) == .bytes(3))
            if hangsUp { mine.hangUp() }
            _ = consume mine
            let answer = theirs.receive(into: buffer, blocking: false)
            #expect(answer == (hangsUp ? .closed : .failed(ECONNRESET)), "\(answer)")
        }

        @Test func theEndsOfAPairCanGoDifferentWays() throws {
            let pair = try UnixStream.pair()
            let first = pair.first
            let second = pair.second
            let adopted = try UnixStream(adopting: first.release())
            #expect(adopted.send([9], blocking: false) == .bytes(1))
            #expect(second.receive(into: buffer, blocking: false) == .bytes(1))
        }

        @Test func nothingThereWouldBlock() throws {
            let pair = try UnixStream.pair()
            #expect(pair.second.receive(into: buffer, blocking: false) == .wouldBlock)
            #expect(fcntl(pair.second.raw, F_GETFL) & O_NONBLOCK == 0)
        }

        @Test func aFullSocketTakesAPartAndThenWouldBlock() throws {
            let pair = try UnixStream.pair()
            let large = [UInt8](repeating: 7, count: 4 << 20)
            guard case .bytes(let count) = pair.first.send(large, blocking: false) else {
                Issue.record("an empty socket takes something")
                return
            }
            #expect(count > 0 && count < large.count)
            #expect(pair.first.send(large, blocking: false) == .wouldBlock)
        }

        @Test func aPeerThatLeftIsClosed() throws {
            let pair = try UnixStream.pair()
            pair.second.shutdown()
            #expect(pair.first.receive(into: buffer, blocking: true) == .closed)
        }

        @Test func sendingToAPeerThatLeftIsAnAnswerNotASignal() throws {
            let pair = try UnixStream.pair()
            let event = try EventFD()
            pair.second.shutdown()
            #expect(pair.first.send([1], blocking: true) == .failed(EPIPE))
            let passing = pair.first.send([1], descriptors: [event.raw], blocking: true)
            #expect(passing == .failed(EPIPE))
        }

        @Test func aReceiveTimeoutEndsABlockingReceive() throws {
            let pair = try UnixStream.pair()
            try pair.first.setReceiveTimeout(milliseconds: 1)
            #expect(pair.first.receive(into: buffer, blocking: true) == .wouldBlock)
        }

        @Test func thePeerIsThisProcess() throws {
            let pair = try UnixStream.pair()
            let own = PeerCredentials(
                processID: getpid(), userID: geteuid(), groupID: getegid())
            #expect(try pair.first.peerCredentials == own)
        }

        @Test func connectingWhereNobodyListensSaysWhere() {
            let directory = TemporaryDirectory()
            let error = failure { () throws(HostError) in
                _ = try UnixStream.connect(path: directory.file("nobody"))
            }
            #expect(error?.code == .connect)
            #expect(error?.errno == ENOENT)
            #expect(error?.subject == directory.file("nobody"))
        }

        @Test func anAdoptedSocketBecomesBlocking() throws {
            let pair = try UnixStream.pair()
            let copy = try OwnedDescriptor.duplicate(of: pair.first.raw)
            #expect(fcntl(copy.raw, F_SETFL, O_NONBLOCK) == 0)
            let adopted = try UnixStream(adopting: copy)
            #expect(fcntl(adopted.raw, F_GETFL) & O_NONBLOCK == 0)
        }

        @Test func adoptionRefusesWhatIsNotAStream() throws {
            let event = try EventFD()
            let raw = event.raw
            let error = failure { () throws(HostError) in
                _ = try UnixStream(adopting: .duplicate(of: raw))
            }
            #expect(error?.code == .descriptorKind)
        }

        @Test func shutdownWakesABlockedReceive() throws {
            let outcome = SharedNumber()
            let pair = try UnixStream.pair()
            let raw = pair.first.raw
            let thread = try KernelThread(name: "receiver") {
                guard let stream = try? UnixStream(adopting: .duplicate(of: raw)) else { return }
                let own = ReceiveBuffer(capacity: 16, maximumCapacity: 16)
                let received = stream.receive(into: own, blocking: true)
                outcome.store(received == .closed ? 1 : 0)
            }
            pair.first.shutdown()
            thread.join()
            #expect(outcome.load() == 1)
        }
    }
}

extension ReceiveBuffer {
    /// A copy of the unread bytes.
    var unread: [UInt8] {
        withUnread { bytes in
            (0..<bytes.byteCount).map { bytes.littleEndian(at: $0, as: UInt8.self) }
        }
    }
}
