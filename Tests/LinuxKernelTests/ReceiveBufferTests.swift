import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct ReceiveBufferTests {
        @Test func everySplitOfAStreamIsReassembled() throws {
            // All sizes sent, received and consumed at a time in a buffer of 8 bytes.
            for sent in 1...8 {
                for consumed in 1...8 {
                    let pair = try UnixStream.pair()
                    let buffer = ReceiveBuffer(capacity: 8, maximumCapacity: 8)
                    var next: UInt8 = 0
                    var seen: [UInt8] = []
                    while seen.count < 64 {
                        let piece = (0..<sent).map { next &+ UInt8($0) }
                        next &+= UInt8(sent)
                        #expect(pair.first.send(piece, blocking: false) == .bytes(sent))
                        while pair.second.pendingBytes > 0 {
                            _ = pair.second.receive(into: buffer, blocking: false)
                            let count = min(consumed, buffer.unreadCount)
                            seen += buffer.unread.prefix(count)
                            buffer.consume(count)
                        }
                    }
                    seen += buffer.unread
                    #expect(seen == (0..<seen.count).map { UInt8($0) })
                }
            }
        }

        @Test func oneReceiveTakesManyMessages() throws {
            let pair = try UnixStream.pair()
            let buffer = ReceiveBuffer(capacity: 256 << 10, maximumCapacity: 1 << 20)
            for number in 0..<200 {
                #expect(
                    pair.first.send([UInt8](repeating: UInt8(number), count: 48), blocking: false)
                        == .bytes(48))
            }
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(200 * 48))
        }

        @Test func growsToTheMaximumAndKeepsTheBytes() throws {
            let pair = try UnixStream.pair()
            let buffer = ReceiveBuffer(capacity: 4, maximumCapacity: 100)
            _ = pair.first.send([1, 2, 3, 4, 5, 6], blocking: false)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(4))
            buffer.consume(1)
            #expect(buffer.ensure(capacity: 4))
            #expect(buffer.capacity == 4)
            #expect(buffer.ensure(capacity: 60))
            #expect(buffer.capacity == 60)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(2))
            #expect(buffer.unread == [2, 3, 4, 5, 6])
            #expect(!buffer.ensure(capacity: 101))
            #expect(buffer.ensure(capacity: 61))
            #expect(buffer.capacity == 100)
            #expect(buffer.unread == [2, 3, 4, 5, 6])
        }
    }

    @Suite struct DescriptorPassingTests {
        let buffer = ReceiveBuffer(capacity: 4_096, maximumCapacity: 65_536)

        @Test func descriptorsBelongToTheMessageWithTheLastByteOfTheReceive() throws {
            let pair = try UnixStream.pair()
            let event = try EventFD()
            for number in 0..<3 {
                _ = pair.first.send([UInt8](repeating: UInt8(number), count: 10), blocking: false)
            }
            let message = [UInt8](repeating: 3, count: 10)
            #expect(
                pair.first.send(message, descriptors: [event.raw], blocking: false) == .bytes(10))
            _ = pair.first.send([UInt8](repeating: 4, count: 10), blocking: false)

            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(40))
            #expect(buffer.offsetOfDescriptors == 39)
            for _ in 0..<3 {
                #expect(buffer.takeDescriptors(inNext: 10).count == 0)
                buffer.consume(10)
            }
            #expect(buffer.offsetOfDescriptors == 9)
            var taken = buffer.takeDescriptors(inNext: 10)
            #expect(taken.count == 1)
            #expect(buffer.offsetOfDescriptors == nil)
            guard let passed = taken.takeFirst() else { return }
            #expect(try EventFD(adopting: passed).signal() == true)
            #expect(event.drain() == 1)
            buffer.consume(10)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(10))
            #expect(buffer.unread == [UInt8](repeating: 4, count: 10))
        }

        @Test func descriptorsComeWithTheFirstPieceOfALongMessage() throws {
            let pair = try UnixStream.pair()
            let event = try EventFD()
            let small = ReceiveBuffer(capacity: 8, maximumCapacity: 32)
            let message = [UInt8](0..<20)
            _ = pair.first.send(message, descriptors: [event.raw], blocking: false)
            _ = pair.first.send([20, 21], blocking: false)
            #expect(pair.second.receive(into: small, blocking: false) == .bytes(8))
            #expect(small.offsetOfDescriptors == 7)
            #expect(small.ensure(capacity: 20))
            while small.unreadCount < 20 {
                _ = pair.second.receive(into: small, blocking: false)
            }
            #expect(small.takeDescriptors(inNext: 20).count == 1)
            #expect(small.unread.starts(with: message))
        }

        @Test func sixteenDescriptorsKeepTheirOrder() throws {
            let pair = try UnixStream.pair()
            let first = try EventFD()
            let file = try MemoryFile(name: "last", size: 1, sealShrink: false)
            let descriptors = [CInt](repeating: first.raw, count: 15) + [file.raw]
            _ = pair.first.send([1], descriptors: descriptors, blocking: false)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(1))
            var taken = buffer.takeDescriptors(inNext: 1)
            #expect(taken.count == ReceiveBuffer.descriptorsMax)
            var kinds: [DescriptorKind] = []
            while let next = taken.takeFirst() {
                kinds.append(try .of(next.raw))
                #expect(fcntl(next.raw, F_GETFD) & FD_CLOEXEC != 0)
            }
            #expect(kinds == [DescriptorKind](repeating: .eventfd, count: 15) + [.memfd])
        }

        @Test func anIncompleteMessageAndTheNextMayBringSixteenEach() throws {
            let pair = try UnixStream.pair()
            let event = try EventFD()
            let sixteen = [CInt](repeating: event.raw, count: 16)
            _ = pair.first.send([1, 1], descriptors: sixteen, blocking: false)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(2))
            _ = pair.first.send([1, 1], blocking: false)
            _ = pair.first.send([2, 2, 2, 2], descriptors: sixteen, blocking: false)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(6))
            #expect(buffer.takeDescriptors(inNext: 4).count == 16)
            buffer.consume(4)
            #expect(buffer.takeDescriptors(inNext: 4).count == 16)
        }

        @Test(arguments: [17, 253])
        func moreThanSixteenAreTruncatedAndNoneLeaks(count: Int) throws {
            let pair = try UnixStream.pair()
            let file = try MemoryFile(name: "many", size: 1, sealShrink: false)
            let many = [CInt](repeating: file.raw, count: count)
            #expect(pair.first.send([1], descriptors: many, blocking: false) == .bytes(1))
            #expect(pair.second.receive(into: buffer, blocking: false) == .truncatedDescriptors)
            #expect(buffer.offsetOfDescriptors == nil)
            #expect(buffer.unreadCount == 0)
            #expect(openDescriptors(of: file.raw) == 1)
        }

        @Test func descriptorsHoardedInOneEndlessMessageAreTruncatedAndNoneLeaks() throws {
            let pair = try UnixStream.pair()
            let file = try MemoryFile(name: "hoard", size: 1, sealShrink: false)
            do {
                let own = ReceiveBuffer(capacity: 64, maximumCapacity: 64)
                let sixteen = [CInt](repeating: file.raw, count: 16)
                for expected in [.bytes(1), .bytes(1), .truncatedDescriptors] as [Received] {
                    _ = pair.first.send([1], descriptors: sixteen, blocking: false)
                    #expect(pair.second.receive(into: own, blocking: false) == expected)
                }
                #expect(openDescriptors(of: file.raw) == 1 + 32)
            }
            #expect(openDescriptors(of: file.raw) == 1, "the buffer closes what it holds")
        }

        @Test func descriptorsNotTakenAreClosedWhenTheirMessageIsConsumed() throws {
            let pair = try UnixStream.pair()
            let file = try MemoryFile(name: "ignored", size: 1, sealShrink: false)
            let three = [CInt](repeating: file.raw, count: 3)
            _ = pair.first.send([1, 2], descriptors: three, blocking: false)
            #expect(pair.second.receive(into: buffer, blocking: false) == .bytes(2))
            buffer.consume(1)
            #expect(openDescriptors(of: file.raw) == 1 + 3)
            buffer.consume(1)
            #expect(openDescriptors(of: file.raw) == 1)
        }

        @Test func takenDescriptorsAreClosedUnlessTakenOut() throws {
            let pair = try UnixStream.pair()
            let file = try MemoryFile(name: "taken", size: 1, sealShrink: false)
            let three = [CInt](repeating: file.raw, count: 3)
            _ = pair.first.send([1], descriptors: three, blocking: false)
            _ = pair.second.receive(into: buffer, blocking: false)
            let first: OwnedDescriptor?
            do {
                var taken = buffer.takeDescriptors(inNext: 1)
                first = taken.takeFirst()
                #expect(taken.count == 2)
                #expect(openDescriptors(of: file.raw) == 1 + 3)
            }
            #expect(openDescriptors(of: file.raw) == 1 + 1)
            guard let first else { return }
            #expect(try DescriptorKind.of(first.raw) == .memfd)
        }

        @Test(.isolatedDescriptorTable)
        func withoutANumberLeftDescriptorsAreTruncated() async {
            await #expect(processExitsWith: .success) {
                let pair = try UnixStream.pair()
                let event = try EventFD()
                let buffer = ReceiveBuffer(capacity: 64, maximumCapacity: 64)
                DescriptorTable.exhaust()
                #expect(close(0) == 0)
                let two = [event.raw, event.raw]
                #expect(pair.first.send([1], descriptors: two, blocking: false) == .bytes(1))
                #expect(
                    pair.second.receive(into: buffer, blocking: false) == .truncatedDescriptors)
                #expect(fcntl(0, F_GETFD) == -1, "the one that arrived is closed again")
            }
        }
    }
}
