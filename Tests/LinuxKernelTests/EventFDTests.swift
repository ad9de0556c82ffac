import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct EventFDTests {
        @Test func drainTakesWhatWasSignalled() throws {
            let event = try EventFD()
            #expect(event.drain() == 0)
            #expect(event.signal() == true)
            #expect(event.signal() == true)
            #expect(event.drain() == 2)
            #expect(event.drain() == 0)
        }

        @Test func aFullCounterCountsAsSignalled() throws {
            let event = try EventFD()
            var largest = UInt64.max - 1
            // SAFETY: the kernel reads eight bytes of the variable during the call.
            #expect(unsafe write(event.raw, &largest, 8) == 8)
            #expect(event.signal() == true)
            #expect(event.drain() == UInt64.max - 1)
            #expect(event.signal() == true)
            #expect(event.drain() == 1)
        }

        @Test func aDuplicateSharesTheCounter() throws {
            let event = try EventFD()
            let copy = try event.duplicate()
            #expect(copy.signal() == true)
            #expect(event.drain() == 1)
        }

        @Test func adoptionMakesItNonBlocking() throws {
            let raw = try EventFD().release()
            #expect(fcntl(raw.raw, F_SETFL, 0) == 0)
            let event = try EventFD(adopting: raw)
            #expect(fcntl(event.raw, F_GETFL) & O_NONBLOCK != 0)
            #expect(event.drain() == 0)
            #expect(event.signal() == true)
            #expect(event.drain() == 1)
        }

        @Test func adoptionRefusesAMemoryFile() throws {
            let file = try MemoryFile(name: "not an eventfd", size: 8, sealShrink: false)
            expectRefusal(of: file.release())
        }

        @Test func adoptionRefusesASocket() throws {
            let pair = try UnixStream.pair()
            expectRefusal(of: try OwnedDescriptor.duplicate(of: pair.first.raw))
        }

        @Test func adoptionRefusesARegularFileNamedLikeAnEventfd() {
            let directory = TemporaryDirectory()
            expectRefusal(of: directory.makeFile("anon_inode:[eventfd]"))
        }

        @Test func aRefusedDescriptorIsClosed() throws {
            let file = try MemoryFile(name: "refused", size: 8, sealShrink: false)
            expectRefusal(of: try OwnedDescriptor.duplicate(of: file.raw))
            #expect(openDescriptors(of: file.raw) == 1)
        }

        @Test func signalsFromManyThreadsAreAllCounted() throws {
            let event = try EventFD()
            let raw = event.raw
            let signaller: @Sendable () -> Void = {
                guard let own = try? EventFD(adopting: OwnedDescriptor.duplicate(of: raw)) else {
                    return
                }
                for _ in 0..<1_000 { _ = own.signal() }
            }
            let first = try KernelThread(name: "signaller", signaller)
            let second = try KernelThread(name: "signaller", signaller)
            first.join()
            second.join()
            #expect(event.drain() == 2_000)
        }

        private func expectRefusal(of descriptor: consuming OwnedDescriptor) {
            var code: HostError.Code?
            do throws(HostError) {
                _ = try EventFD(adopting: descriptor)
            } catch {
                code = error.code
            }
            #expect(code == .descriptorKind)
        }
    }
}
