import Glibc
import LinuxKernel
import Synchronization
import Testing

extension KernelObjects {
    @Suite struct EntropyTests {
        @Test(arguments: [0, 1, 16, 257, 100_000])
        func fillsEveryByte(count: Int) throws {
            // A byte that stays zero in 16 independent fills is one in 2^128.
            var seen = [UInt8](repeating: 0, count: count)
            for _ in 0..<16 {
                var bytes = [UInt8](repeating: 0, count: count)
                try Entropy.fill(&bytes)
                for index in bytes.indices { seen[index] |= bytes[index] }
            }
            #expect(!seen.contains(0))
        }

        @Test func fillsASpan() throws {
            var value: (UInt64, UInt64) = (0, 0)
            // SAFETY: the bytes of two integers, whose every pattern is valid.
            try unsafe withUnsafeMutableBytes(of: &value) { bytes in
                var span = unsafe MutableRawSpan(_unsafeBytes: bytes)
                try Entropy.fill(&span)
            }
            #expect(value.0 != 0 && value.1 != 0 && value.0 != value.1)
        }
    }

    @Suite struct KernelThreadTests {
        @Test func runsItsBodyOnceUnderItsName() throws {
            let shared = SharedText()
            let thread = try KernelThread(name: "carillon-loop-7 and more") {
                shared.text.withLock { $0 += ownThreadName() }
            }
            thread.join()
            #expect(shared.text.withLock { $0 } == "carillon-loop-7")
        }

        @Test func interruptWakesABlockedReceive() throws {
            let pair = try UnixStream.pair()
            let raw = pair.first.raw
            let outcome = SharedNumber()
            let thread = try KernelThread(name: "receiver") {
                guard let stream = try? UnixStream(adopting: .duplicate(of: raw)) else { return }
                let buffer = ReceiveBuffer(capacity: 16, maximumCapacity: 16)
                let received = stream.receive(into: buffer, blocking: true)
                outcome.store(received == .interrupted ? 1 : 0)
            }
            while outcome.load() == -1 {
                thread.interrupt()
                sched_yield()
            }
            thread.join()
            #expect(outcome.load() == 1)
        }

        @Test func interruptReachesAThreadWhoseMakerBlocksTheSignal() throws {
            let outcome = SharedNumber()
            let maker = try KernelThread(name: "maker") {
                var mask = sigset_t()
                // SAFETY: the C library reads and writes the mask only during the calls.
                unsafe sigemptyset(&mask)
                unsafe sigaddset(&mask, SIGUSR1)
                unsafe pthread_sigmask(SIG_BLOCK, &mask, nil)
                let made = try? KernelThread(name: "made") {
                    var current = sigset_t()
                    // SAFETY: as above, for the mask of the second thread.
                    unsafe pthread_sigmask(SIG_BLOCK, nil, &current)
                    let blocked = unsafe sigismember(&current, SIGUSR1)
                    outcome.store(Int(blocked))
                }
                made?.join()
            }
            maker.join()
            #expect(outcome.load() == 0)
        }

        @Test func aThreadLetGoOfRunsOn() throws {
            let event = try EventFD()
            let raw = event.raw
            let gate = try EventFD()
            let gateRaw = gate.raw
            do {
                _ = try KernelThread(name: "alone") {
                    guard let own = try? EventFD(adopting: .duplicate(of: raw)),
                        let set = try? EpollSet()
                    else { return }
                    try? set.add(descriptor: gateRaw, token: 0, interest: .readable)
                    var ready = [EpollSet.Ready](repeating: .init(), count: 1)
                    while (try? set.wait(into: &ready, timeoutMilliseconds: -1)) == 0 {}
                    _ = own.signal()
                }
            }
            #expect(gate.signal() == true)
            let set = try EpollSet()
            try set.add(descriptor: event.raw, token: 1, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            #expect(try set.wait(into: &ready, timeoutMilliseconds: -1) == 1)
        }
    }

    @Suite struct HostTests {
        @Test func theClockNeverGoesBack() {
            var last = MonotonicClock.nowNanoseconds
            #expect(last > 0)
            var backwards = 0
            for _ in 0..<10_000 {
                let now = MonotonicClock.nowNanoseconds
                if now < last { backwards += 1 }
                last = now
            }
            #expect(backwards == 0)
        }

        @Test func softLimitsAreWithinHardOnes() throws {
            let descriptors = try ResourceLimits.descriptors
            let locked = try ResourceLimits.lockedMemory
            #expect(descriptors.soft > 0 && descriptors.soft <= descriptors.hard)
            #expect(locked.soft <= locked.hard)
        }

        @Test func raisingNeverLowers() throws {
            let before = try ResourceLimits.descriptors
            #expect(try ResourceLimits.raiseDescriptors(to: 1) == before)
            #expect(try ResourceLimits.descriptors == before)
        }

        @Test func raisingGoesToTheNumberAskedFor() async {
            await #expect(processExitsWith: .success) {
                let before = try ResourceLimits.descriptors
                DescriptorTable.lowerLimit(to: before.soft - 10)
                #expect(try ResourceLimits.descriptors.soft == before.soft - 10)
                let after = try ResourceLimits.raiseDescriptors(to: before.soft - 5)
                #expect(after.soft == before.soft - 5)
                #expect(after.hard == before.hard)
            }
        }

        @Test func raisingBeyondWhatTheKernelAllowsNamesTheHardLimit() throws {
            let hard = try ResourceLimits.descriptors.hard
            let error = failure { () throws(HostError) in
                _ = try ResourceLimits.raiseDescriptors(to: UInt64.max - 1)
            }
            #expect(error?.code == .limit)
            #expect(error?.errno == EPERM)
            #expect(error?.advice.contains("\(hard)") == true)
        }

        @Test func aNodeThatIsMissingIsAbsent() {
            #expect(KVMNode.probe(path: "/dev/carillon-has-no-such-node") == .absent)
        }

        @Test func aNodeOfAnotherKindIsNotKVM() {
            #expect(KVMNode.probe(path: "/dev/null") == .notKVM(errno: ENOTTY))
            #expect(KVMNode.probe(path: "/tmp") == .notKVM(errno: EISDIR))
        }

        @Test func theAnswerFitsTheNode() {
            let state = KVMNode.probe()
            switch state {
            case .usable(let version): #expect(version == 12)
            case .absent: #expect(fileAccess("/dev/kvm", F_OK) != 0)
            case .noPermission: #expect(fileAccess("/dev/kvm", R_OK | W_OK) != 0)
            case .notKVM(let errno): Issue.record("/dev/kvm answers \(HostError.name(of: errno))")
            }
            #expect(KVMNode.isUsable == (state == .usable(apiVersion: 12)))
        }

        @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
        func aForbiddenNodeSaysSo() async {
            await #expect(processExitsWith: .success) {
                let directory = TemporaryDirectory()
                _ = directory.makeFile("node")
                #expect(seteuid(65_534) == 0)
                #expect(
                    KVMNode.probe(path: directory.file("node")) == .noPermission(errno: EACCES))
                #expect(seteuid(0) == 0)
            }
        }

        @Test(.isolatedDescriptorTable)
        func countingDescriptorsDoesNotCountItself() async {
            await #expect(processExitsWith: .success) {
                #expect(DescriptorTable.isolate())
                let before = try OpenDescriptors.count()
                #expect(try OpenDescriptors.count() == before)
                let event = try EventFD()
                #expect(try OpenDescriptors.count() == before + 1)
                #expect(event.drain() == 0)
            }
        }
    }
}

/// A text that a test and its thread share.
private final class SharedText: Sendable {
    let text = Mutex("")
}

private func ownThreadName() -> String {
    // SAFETY: the C library reads the string, and fills at most the array, during the calls.
    let file = OwnedDescriptor(adopting: unsafe open("/proc/thread-self/comm", O_RDONLY))
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = unsafe read(file.raw, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count - 1)), as: UTF8.self)
}

private func fileAccess(_ path: String, _ mode: CInt) -> CInt {
    // SAFETY: the C library reads the string only during the call.
    unsafe access(path, mode)
}
