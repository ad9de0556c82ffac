import Foundation
import LinuxKernel
import MediatedDevices

/// Scripts of the administrator's that are asked before a slice changes and told afterwards, by
/// the protocol of mdevctl: a definition on standard input, words that say what happens, and an
/// exit status of 2 from a script that has nothing to do with the slice's type.
struct CallOuts: Sendable {
    /// A verb that scripts hear of.
    enum Action: String, Sendable {
        case define, undefine, modify, start, stop
    }

    /// When they hear of it.
    enum Event: String, Sendable {
        case live, pre, post, notify
    }

    /// What came of it.
    enum State: String, Sendable {
        case none, success, failure
    }

    /// One change of one slice.
    struct Change: Sendable {
        let action: Action
        let id: InstanceID
        let parent: String
        /// What the slice is, or is to be.
        let definition: InstanceDefinition
    }

    /// Has the folders `callouts` and `notifiers`; nil for no scripts.
    let directory: String?
    /// Hears of scripts that could not be run or were killed.
    let complain: @Sendable (String) -> Void

    /// How long a script may take.
    private static let patienceMilliseconds: Int32 = 60_000
    /// The status of a script that is for other types.
    private static let notMine: Int32 = 2
    /// What is kept of a script's complaint.
    private static let most = 500

    /// Makes a change as scripts allow, and has them hear of it.
    func around<Answer>(
        _ change: Change, isLive: Bool = false,
        _ work: () async throws(RegistryError) -> Answer
    ) async throws(RegistryError) -> Answer {
        guard directory != nil else { return try await work() }
        do throws(RegistryError) {
            if isLive { try await ask(change, .live) }
            try await ask(change, .pre)
        } catch {
            await notify(change, .failure)
            throw error
        }
        do throws(RegistryError) {
            let answer = try await work()
            await tell(change, .success)
            return answer
        } catch {
            await tell(change, .failure)
            throw error
        }
    }

    /// The first script that is for the slice's type may refuse.
    private func ask(_ change: Change, _ event: Event) async throws(RegistryError) {
        for script in scripts("callouts") {
            let outcome = await run(script, change, event, .none)
            switch outcome.status {
            case Self.notMine: continue
            case 0: return
            default:
                throw .script(path: script, status: outcome.status, words: outcome.complaint)
            }
        }
    }

    private func tell(_ change: Change, _ state: State) async {
        for script in scripts("callouts") {
            let outcome = await run(script, change, .post, state)
            if outcome.status == Self.notMine { continue }
            if outcome.status != 0 {
                complain("\(script) ended with \(outcome.status): \(outcome.complaint)")
            }
            break
        }
        await notify(change, state)
    }

    private func notify(_ change: Change, _ state: State) async {
        for script in scripts("notifiers") { _ = await run(script, change, .notify, state) }
    }

    /// The executable files of a folder, by name.
    private func scripts(_ folder: String) -> [String] {
        guard let directory else { return [] }
        let path = "\(directory)/\(folder)"
        let names = (try? DurableFile.list(path)) ?? []
        return names.map { "\(path)/\($0)" }.filter {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    private struct Outcome {
        let status: Int32
        let complaint: String
    }

    private func run(
        _ script: String, _ change: Change, _ event: Event, _ state: State
    ) async -> Outcome {
        do {
            let input = try Self.file("definition", try JSONEncoder().encode(change.definition))
            let errors = try Self.file("complaint", Data())
            let arguments = [
                "-t", change.definition.type, "-e", event.rawValue, "-a", change.action.rawValue,
                "-s", state.rawValue, "-u", change.id.description, "-p", change.parent,
            ]
            let status = try await Self.run(
                script, arguments,
                .init(input: input.fileDescriptor, errors: errors.fileDescriptor))
            withExtendedLifetime(input) {}
            try errors.seek(toOffset: 0)
            let said = try errors.read(upToCount: Self.most) ?? Data()
            return Outcome(
                status: status,
                complaint: String(decoding: said, as: UTF8.self)
                    .trimmingCharacters(in: .whitespacesAndNewlines))
        } catch {
            complain("\(script) could not be run: \(error)")
            return Outcome(status: -1, complaint: "\(error)")
        }
    }

    /// Runs it to its end, or kills it when its time is over; -1 for a script that was killed.
    private static func run(
        _ script: String, _ arguments: [String], _ streams: SpawnedProgram.Streams
    ) async throws -> Int32 {
        let program = try SpawnedProgram(
            script, arguments, variables: ProcessInfo.processInfo.environment, streams)
        return try await OwnThread.run("call-out") {
            if let end = program.wait(milliseconds: patienceMilliseconds) { return status(end) }
            program.send(SIGKILL)
            // One that has become another user's goes on; the change does not wait for it.
            _ = program.wait(milliseconds: 1000)
            return -1
        }
    }

    private static func status(_ end: SpawnedProgram.End) -> Int32 {
        if case .exited(let status) = end { status } else { -1 }
    }

    /// A file without a name: a script that does not read it keeps nobody waiting.
    private static func file(_ name: String, _ data: Data) throws -> FileHandle {
        let memory = try MemoryFile(name: name, size: 0, sealShrink: false)
        let handle = FileHandle(
            fileDescriptor: try OwnedDescriptor.duplicate(of: memory.raw).release(),
            closeOnDealloc: true)
        try handle.write(contentsOf: data)
        try handle.seek(toOffset: 0)
        return handle
    }
}
