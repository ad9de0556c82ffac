import DeviceModels
import PlatformTypes

/// The queues of a group's members: what waits, what runs, and whose turn it is.
///
/// Queues take turns: one with priority 10 has ten descriptors taken before the next one has its
/// turn, as far as it has so many.
struct EngineQueues: Sendable {
    /// A descriptor on its way to an engine, and what it runs with.
    struct Job: Sendable {
        let member: Int
        let place: Int
        var run: DescriptorRun
        let context: WorkContext
        let signals: MemberSignals
    }

    enum Turn: Sendable {
        case run(Job)
        case wait
        case end
    }

    /// What is to be told after a descriptor has come to something.
    struct Told {
        /// The engine leaves it: it has ended, or it is to go on later.
        var leaves: Bool
        /// The member's loop has something to look at.
        var isReady: Bool
        /// Somebody waits for its work to stop, and it has.
        var isQuiet: Bool
    }

    private struct Queue {
        let member: Int
        let number: Int
        /// The queue of the accelerator whose entries it shares with others; nil for none.
        let shared: Int?
        var limits: WorkLimits
        /// What waits, in a ring of as many places as the queue has entries.
        var ring: [DescriptorRun]
        var first = 0
        var count = 0
        /// Batches that have begun and wait to go on.
        var begun: [DescriptorRun] = []
        var running = 0
        /// Whether its loop wants to hear when nothing is left.
        var tellsIdle = false

        var occupancy: Int { count + begun.count + running }
        var hasWork: Bool { count > 0 || !begun.isEmpty }
    }

    private struct Member {
        /// Nil where nobody is any more.
        var signals: MemberSignals?
        var memory: (any ThreadMemory)?
        var handles = InterruptHandles(vectors: 0)
        var isPaused = false
        /// Somebody waits until nothing runs: of all queues, or of one.
        var waitsFor: Waiting?
        var running = 0
        var ended: [WorkEnded] = []
    }

    private enum Waiting: Hashable {
        case all
        case queue(Int)
    }

    private var members: [Member] = []
    private var queues: [Queue] = []
    /// The queue whose turn it is, and how many more are taken of it.
    private var turn = 0
    private var credit = 0
    private var asleep = 0
    private var wakes = 0
    private var isEnding = false

    /// How many sleeping engines have work now.
    mutating func takeWakes() -> Int {
        defer { wakes = 0 }
        return wakes
    }

    /// Has every engine end.
    mutating func end() {
        isEnding = true
        wakeEngines(.max)
    }

    private mutating func wakeEngines(_ count: Int) {
        let woken = min(count, asleep)
        asleep -= woken
        wakes += woken
    }

    // MARK: Members

    mutating func join(_ signals: MemberSignals) -> Int {
        let member = Member(signals: signals)
        if let free = members.firstIndex(where: { $0.signals == nil }) {
            members[free] = member
            return free
        }
        members.append(member)
        return members.count - 1
    }

    /// Its queues are closed, and it is not paused.
    mutating func leave(_ member: Int) {
        precondition(!queues.contains { $0.member == member }, "who leaves has closed its queues")
        members[member] = Member(signals: nil)
    }

    /// Whether somebody waits until nothing of it runs.
    func isAwaited(_ member: Int) -> Bool { members[member].waitsFor != nil }

    mutating func pause(_ member: Int) -> Bool {
        members[member].isPaused = true
        guard members[member].running != 0 else { return false }
        members[member].waitsFor = .all
        return true
    }

    mutating func resume(
        _ member: Int, _ memory: (any ThreadMemory)?, _ handles: InterruptHandles
    ) {
        members[member].isPaused = false
        members[member].memory = memory
        members[member].handles = handles
        guard memory != nil else { return }
        let work = queues.reduce(0) { sum, queue in
            queue.member == member ? sum + queue.count + queue.begun.count : sum
        }
        wakeEngines(work)
    }

    /// Exchanges what has ended for `ended`, which is empty: so neither is allocated anew.
    mutating func takeEnded(_ member: Int, into ended: inout [WorkEnded]) {
        swap(&ended, &members[member].ended)
    }

    // MARK: Queues

    private func index(_ member: Int, _ number: Int) -> Int? {
        queues.firstIndex { $0.member == member && $0.number == number }
    }

    mutating func open(_ member: Int, _ number: Int, _ limits: WorkLimits, shared: Int?) {
        precondition(index(member, number) == nil, "a queue is opened once")
        let nothing = DescriptorRun(DSADescriptor.empty)
        queues.append(
            Queue(
                member: member, number: number, shared: shared, limits: limits,
                ring: Array(repeating: nothing, count: limits.entries)))
    }

    /// Drops what waits. Returns how many, and whether one runs, whose end is then told.
    mutating func drop(_ member: Int, _ number: Int) -> (count: Int, isBusy: Bool) {
        guard let index = index(member, number) else { return (0, false) }
        let count = queues[index].count + queues[index].begun.count
        queues[index].count = 0
        queues[index].begun.removeAll()
        guard queues[index].running > 0 else { return (count, false) }
        members[member].waitsFor = .queue(number)
        return (count, true)
    }

    /// Removes a queue of which nothing waits or runs.
    mutating func close(_ member: Int, _ number: Int) {
        guard let index = index(member, number) else { return }
        precondition(queues[index].occupancy == 0, "a queue that is closed is idle")
        queues.remove(at: index)
        turn = 0
        credit = 0
    }

    mutating func submit(
        _ descriptor: DSADescriptor, _ member: Int, _ number: Int, below entries: Int
    ) -> Bool {
        guard let index = index(member, number) else { return false }
        let limit = min(entries, queues[index].limits.entries)
        guard occupancy(besides: index) < limit else { return false }
        let size = queues[index].ring.count
        let place = (queues[index].first + queues[index].count) % size
        queues[index].ring[place] = DescriptorRun(descriptor)
        queues[index].count += 1
        if !members[member].isPaused, members[member].memory != nil { wakeEngines(1) }
        return true
    }

    /// Descriptors in the queue, and in those that share its entries.
    private func occupancy(besides index: Int) -> Int {
        guard let shared = queues[index].shared else { return queues[index].occupancy }
        return queues.reduce(0) { $1.shared == shared ? $0 + $1.occupancy : $0 }
    }

    func occupancy(_ member: Int, _ number: Int) -> Int {
        index(member, number).map { occupancy(besides: $0) } ?? 0
    }

    mutating func isIdle(_ member: Int, _ number: Int) -> Bool {
        guard let index = index(member, number) else { return true }
        queues[index].tellsIdle = queues[index].occupancy > 0
        return queues[index].occupancy == 0
    }

    // MARK: Engines

    /// What the engine that asks does next.
    mutating func next() -> Turn {
        if isEnding { return .end }
        for step in queues.indices {
            let place = (turn + step) % queues.count
            guard let job = take(place) else { continue }
            if step > 0 || credit == 0 {
                turn = place
                credit = queues[place].limits.priority
            }
            credit -= 1
            if credit == 0 { turn = (place + 1) % queues.count }
            return .run(job)
        }
        asleep += 1
        return .wait
    }

    private mutating func take(_ place: Int) -> Job? {
        let queue = queues[place]
        let member = members[queue.member]
        guard queue.hasWork, !member.isPaused, let memory = member.memory,
            let signals = member.signals
        else { return nil }
        let run: DescriptorRun
        if let begun = queue.begun.last {
            run = begun
            queues[place].begun.removeLast()
        } else {
            run = queue.ring[queue.first]
            // A drain begins when what came before it has ended.
            guard run.descriptor.opcode != .drain || queue.running == 0 else { return nil }
            queues[place].first = (queue.first + 1) % queue.ring.count
            queues[place].count -= 1
        }
        queues[place].running += 1
        members[queue.member].running += 1
        return Job(
            member: queue.member, place: queue.number, run: run,
            context: WorkContext(
                memory: memory, handles: member.handles, limits: queue.limits,
                queue: queue.number),
            signals: signals)
    }

    /// A descriptor has come a step further, or to its end.
    mutating func note(_ job: Job, _ isDone: Bool, _ ended: inout [WorkEnded]) -> Told {
        guard let index = index(job.member, job.place) else {
            preconditionFailure("a queue stays while something of it runs")
        }
        var told = Told(leaves: true, isReady: false, isQuiet: false)
        if !ended.isEmpty {
            told.isReady = members[job.member].ended.isEmpty
            members[job.member].ended += ended
        }
        let isDropped = members[job.member].waitsFor == .queue(job.place)
        if !isDone, !isDropped, !members[job.member].isPaused {
            told.leaves = false
            return told
        }
        queues[index].running -= 1
        members[job.member].running -= 1
        if !isDone, !isDropped { queues[index].begun.append(job.run) }
        if queues[index].running == 0, queues[index].count > 0 { wakeEngines(1) }
        if queues[index].tellsIdle, queues[index].occupancy == 0 {
            queues[index].tellsIdle = false
            told.isReady = true
        }
        told.isQuiet = isQuiet(job.member, index)
        if told.isQuiet { members[job.member].waitsFor = nil }
        return told
    }

    private func isQuiet(_ number: Int, _ index: Int) -> Bool {
        switch members[number].waitsFor {
        case .all: members[number].running == 0
        case .queue(let queue):
            queues[index].number == queue && queues[index].running == 0
        case nil: false
        }
    }
}
