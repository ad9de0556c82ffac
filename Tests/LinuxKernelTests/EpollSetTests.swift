import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct EpollSetTests {
        @Test func reportsTheTokenOfAReadableMember() throws {
            let set = try EpollSet()
            let silent = try EventFD()
            let signalled = try EventFD()
            try set.add(descriptor: silent.raw, token: 1, interest: .readable)
            try set.add(descriptor: signalled.raw, token: .max, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 4)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 0)
            #expect(signalled.signal() == true)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: -1) == 1)
            #expect(ready[0].token == .max)
            #expect(ready[0].readiness == .readable)
        }

        @Test func aSmallBufferGetsTheRestLater() throws {
            let set = try EpollSet()
            let first = try EventFD()
            let second = try EventFD()
            let third = try EventFD()
            try set.add(descriptor: first.raw, token: 0, interest: [.readable, .oneShot])
            try set.add(descriptor: second.raw, token: 1, interest: [.readable, .oneShot])
            try set.add(descriptor: third.raw, token: 2, interest: [.readable, .oneShot])
            _ = first.signal()
            _ = second.signal()
            _ = third.signal()
            var ready = [EpollSet.Ready](repeating: .init(), count: 2)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 2)
            var tokens = Set(ready.map(\.token))
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 1)
            tokens.insert(ready[0].token)
            #expect(tokens == [0, 1, 2])
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 0)
        }

        @Test func modifyChangesTokenAndInterest() throws {
            let set = try EpollSet()
            let pair = try UnixStream.pair()
            try set.add(descriptor: pair.first.raw, token: 1, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 0)
            try set.modify(descriptor: pair.first.raw, token: 2, interest: .writable)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 1)
            #expect(ready[0].token == 2)
            #expect(ready[0].readiness == .writable)
        }

        @Test func aRemovedMemberIsSilent() throws {
            let set = try EpollSet()
            let event = try EventFD()
            try set.add(descriptor: event.raw, token: 1, interest: .readable)
            #expect(event.signal() == true)
            try set.remove(descriptor: event.raw)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: 0) == 0)
        }

        @Test func aPeerThatLeavesIsReported() throws {
            let set = try EpollSet()
            let pair = try UnixStream.pair()
            try set.add(descriptor: pair.first.raw, token: 1, interest: [.readable, .peerClosed])
            pair.second.shutdown()
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: -1) == 1)
            #expect(ready[0].readiness.isSuperset(of: [.readable, .peerClosed, .hangUp]))
        }

        @Test func aSignalEndsTheWaitWithNothingReady() throws {
            let answer = SharedNumber()
            let thread = try KernelThread(name: "waiter") {
                guard let set = try? EpollSet() else { return }
                var ready = [EpollSet.Ready](repeating: .init(), count: 1)
                let count = try? set.wait(into: &ready, timeoutMilliseconds: -1)
                answer.store(count ?? -2)
            }
            while answer.load() == -1 {
                thread.interrupt()
                sched_yield()
            }
            thread.join()
            #expect(answer.load() == 0)
        }

        @Test func whatCannotBeWaitedForIsAnError() throws {
            let set = try EpollSet()
            let directory = TemporaryDirectory()
            let file = directory.makeFile("plain")
            var thrown: HostError?
            do throws(HostError) {
                try set.add(descriptor: file.raw, token: 0, interest: .readable)
            } catch {
                thrown = error
            }
            #expect(thrown?.code == .epoll)
            #expect(thrown?.errno == EPERM)
        }
    }
}
