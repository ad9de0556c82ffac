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

    /// One turn, and a loop that comes at the same time and then only when it is told.
    private final class Round: Sendable {
        let wakes = Wakes()
        let turns: SharedTurns<Int>
        let isTaken = ThreadSemaphore()

        init() { turns = SharedTurns(0) { [wakes] in wakes.wake() } }
    }

    /// Whatever the order of the two: where one wake is missed, the loop never comes again.
    @Test(.rule("VM-16")) func noWakeIsMissed() throws {
        let rounds = (0..<20_000).map { _ in Round() }
        let loop = try KernelThread(name: "loop") {
            for round in rounds {
                while round.turns.takeIfFree({ $0 += 1 }) == nil { round.wakes.told.wait() }
                round.isTaken.post()
            }
        }
        let holder = try KernelThread(name: "holder") {
            for round in rounds {
                round.turns.take { $0 += 1 }
                round.isTaken.wait()
            }
        }
        loop.join()
        holder.join()
        for round in rounds {
            #expect(round.turns.take { $0 } == 2)
            #expect(round.wakes.count.load(ordering: .relaxed) <= 1)
        }
    }
}
