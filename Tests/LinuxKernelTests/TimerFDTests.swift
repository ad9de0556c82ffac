import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct TimerFDTests {
        /// Waits in epoll until the timer is due; false if it does not become so.
        private func isDue(_ timer: borrowing TimerFD, milliseconds: CInt) throws -> Bool {
            let epoll = try EpollSet()
            try epoll.add(descriptor: timer.raw, token: 7, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            return try epoll.wait(into: &ready, timeoutMilliseconds: milliseconds) == 1
        }

        @Test func aNewTimerDoesNotRun() throws {
            let timer = try TimerFD()
            #expect(try !isDue(timer, milliseconds: 0))
            #expect(timer.drain() == 0)
        }

        @Test func itExpiresAgainAndAgainUntilItIsStopped() throws {
            let timer = try TimerFD()
            timer.set(nanoseconds: 100_000)
            for _ in 0..<3 {
                #expect(try isDue(timer, milliseconds: 20_000))
                #expect(timer.drain() >= 1)
            }
            timer.set(nanoseconds: 0)
            #expect(timer.drain() == 0)
            #expect(try !isDue(timer, milliseconds: 0))
        }

        @Test func withoutADescriptorThereIsNoTimer() async {
            await #expect(processExitsWith: .success) {
                var held: [CInt] = []
                while case let copy = dup(0), copy >= 0 { held.append(copy) }
                var code: String?
                do throws(HostError) {
                    let timer = try TimerFD()
                    timer.set(nanoseconds: 0)
                } catch { code = error.code.rawValue }
                for descriptor in held { close(descriptor) }
                #expect(code == "HOST-TIMER")
            }
        }

        @Test func settingForgetsWhatExpired() throws {
            let timer = try TimerFD()
            timer.set(nanoseconds: 1000)
            #expect(try isDue(timer, milliseconds: 20_000))
            timer.set(nanoseconds: 3_600_000_000_000)
            #expect(timer.drain() == 0)
        }
    }
}
