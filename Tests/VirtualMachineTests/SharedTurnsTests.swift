import LinuxKernel
import Synchronization
import TestTraits
import Testing
import VirtualMachine

@Suite(.endsWhenHung) struct SharedTurnsTests {
    /// Counts how often the loop was told to come again.
    private final class Wakes: Sendable {
        let count = Atomic(0)
        let told = ThreadSemaphore()

        func wake() {
            count.add(1, ordering: .relaxed)
            told.post()
        }
    }

    @Test(.rule("VM-16")) func aTurnThatIsFreeIsTaken() {
        let wakes = Wakes()
        let turns = SharedTurns(1) { wakes.wake() }
        #expect(turns.takeIfFree { $0 } == 1)
        #expect(turns.take { $0 } == 1)
        #expect(wakes.count.load(ordering: .relaxed) == 0, "nobody was turned away")
    }

    @Test(.rule("VM-16")) func whoIsTurnedAwayIsWokenOnceAndNotWhileTheTurnLasts() throws {
        let wakes = Wakes()
        let turns = SharedTurns(0) { wakes.wake() }
        let (inside, leave) = (ThreadSemaphore(), ThreadSemaphore())
        let holder = try KernelThread(name: "holder") {
            turns.take { _ in
                inside.post()
                leave.wait()
            }
            turns.take { _ in }
        }
        inside.wait()
        for _ in 0..<3 { #expect(turns.takeIfFree { $0 } == nil) }
        #expect(wakes.count.load(ordering: .relaxed) == 0)
        leave.post()
        wakes.told.wait()
        holder.join()
        #expect(wakes.count.load(ordering: .relaxed) == 1)
        #expect(turns.takeIfFree { $0 } == 0)
    }

    /// Whatever the threads' order: a loop that only comes when it is told misses nothing.
    @Test(.rule("VM-16")) func noWakeIsMissed() throws {
        let wakes = Wakes()
        let turns = SharedTurns(0) { wakes.wake() }
        let rounds = 20_000
        let loop = try KernelThread(name: "loop") {
            var taken = 0
            while taken < rounds {
                if turns.takeIfFree({ $0 += 1 }) == nil { wakes.told.wait() } else { taken += 1 }
            }
        }
        let end = End()
        let holder = try KernelThread(name: "holder") {
            while !end.isOver.load(ordering: .relaxed) { turns.take { $0 += 1 } }
        }
        loop.join()
        end.isOver.store(true, ordering: .relaxed)
        holder.join()
        #expect(turns.take { $0 } >= rounds)
    }

    private final class End: Sendable {
        let isOver = Atomic(false)
    }
}
