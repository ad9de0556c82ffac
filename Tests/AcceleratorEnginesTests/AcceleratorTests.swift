import AcceleratorEngines
import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import TestTraits
import Testing

/// What an accelerator has, and who has which part of it.
@Suite(.endsWhenHung) struct AcceleratorTests {
    private static func shape(
        queues: Int = 1, mode: DSAConfiguration.Mode = .dedicated, entries: Int = 16
    ) throws -> DSAConfiguration {
        DSAConfiguration(
            queues: queues, mode: mode, entries: entries,
            translation: PASIDTranslation(defaultPASID: try #require(PASID(0))))
    }

    @Test(.rule("DSA-18")) func queuesAndEntriesAreCounted() throws {
        let accelerator = try Accelerator(
            name: "a", .init(dedicatedQueues: 3, entries: 40, engines: 1))
        var first: AcceleratorShare? = try accelerator.share(for: "1", Self.shape(queues: 2))
        #expect(first != nil)
        #expect(accelerator.figures.dedicatedInUse == 2 && accelerator.figures.entriesInUse == 32)
        var refusals: [String] = []
        for shape in [try Self.shape(queues: 2, entries: 1), try Self.shape(entries: 9)] {
            do throws(HostError) { _ = try accelerator.share(for: "2", shape) } catch {
                #expect(error.code == .accelerator)
                refusals.append(error.description)
            }
        }
        #expect(refusals.count == 2)
        #expect(refusals[0].contains("2 dedicated work queues"))
        #expect(refusals[1].contains("9 entries"))
        let second = try accelerator.share(for: "2", Self.shape(entries: 8))
        #expect(accelerator.figures.shares.map(\.name) == ["1", "2"])
        first = nil
        #expect(accelerator.figures.dedicatedInUse == 1 && accelerator.figures.entriesInUse == 8)
        withExtendedLifetime(second) {}
    }

    @Test(.rule("DSA-18")) func sharedQueuesAreGivenToTheFewestAndShareTheirEntries() throws {
        let accelerator = try Accelerator(
            name: "a",
            .init(
                dedicatedQueues: 0, sharedQueues: 2, entries: 8, sharedEntries: 4, engines: 1))
        let shape = try Self.shape(mode: .shared, entries: 4)
        let shares = try (0..<3).map { try accelerator.share(for: "\($0)", shape) }
        #expect(accelerator.figures.shares.map(\.sharedQueue) == [0, 1, 0])
        #expect(accelerator.figures.entriesInUse == 8)
        let limits = WorkLimits(
            entries: 4, priority: 1, capabilities: DSACapabilities(), pasid: .none)
        for share in shares { share.open(0, limits) }
        // Nothing runs, as they have no memory.
        for _ in 0..<3 { #expect(shares[0].submit(.empty, to: 0, below: 4)) }
        #expect(shares[2].submit(.empty, to: 0, below: 4))
        #expect(!shares[2].submit(.empty, to: 0, below: 4), "the entries are those of one queue")
        #expect(shares[1].submit(.empty, to: 0, below: 4), "and not of the other")
        #expect(shares[0].drop(0) == 3)
        #expect(shares[2].submit(.empty, to: 0, below: 4))
        for share in shares { _ = share.close(0) }
    }

    @Test(
        .rule("DSA-18"),
        arguments: [
            (0, 0, 1, 1, 1), (129, 0, 1, 1, 1), (1, 0, 0, 1, 1), (1, 0, 65_536, 1, 1),
            (1, 0, 1, 0, 0), (1, 0, 1, 65, 1), (1, 0, 1, 2, 3), (0, 2, 31, 1, 1),
        ])
    func someCannotBe(dedicated: Int, shared: Int, entries: Int, engines: Int, groups: Int) {
        let configuration = Accelerator.Configuration(
            dedicatedQueues: dedicated, sharedQueues: shared, entries: entries, engines: engines,
            groups: groups)
        #expect(!configuration.isPossible)
    }

    @Test func whatTheHostRefusesIsSaid() async {
        await #expect(processExitsWith: .success) {
            HostFaults.arm([HostFault("HOST-THREAD=EAGAIN")].compactMap { $0 })
            defer { HostFaults.arm([]) }
            do throws(HostError) {
                _ = try Accelerator(name: "a", .init(engines: 2))
                preconditionFailure("the host had refused it")
            } catch { precondition(error.code == .thread) }
        }
    }
}
