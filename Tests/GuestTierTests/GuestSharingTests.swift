import LabSupport
import TestTraits
import Testing

/// Two Linux guests share a parent with fewer vectors than both want, and the verbs tell the story
/// as both guests count it.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestSharingTests {
    private struct Status: Decodable {
        struct Parent: Decodable {
            let capacity: Int
            let held: Int
            let setAside: Int
            let available: Int
            let expected: Int
            let refused: Int
            let warnings: [String]
            let limiting: String
        }

        struct Instance: Decodable {
            let name: String
            let profile: String?
            let entitled: Int
            let reserved: Int
            let bound: Int
            let refused: Int
            let lastRefusal: String?
            let booksBalance: Bool
        }

        let parents: [Parent]
        let instances: [Instance]
    }

    private struct Interrupts: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let lease: String?
            let path: String?
            let sink: String?
            let sent: Int
            let repeated: Int
        }

        let interrupts: [Interrupt]

        subscript(guest: String) -> Interrupt? { interrupts.first { $0.guest == guest } }
    }

    private struct Moved: Decodable {
        let processor: Int
        let isWhereAsked: Bool
    }

    private struct Explanation: Decodable {
        let name: String
        let section: String
    }

    /// A guest that has done its work and waits to be looked at.
    private final class Guest {
        private let directory: TemporaryDirectory
        private let qemu: QEMUProcess

        init(_ kernel: Lab.Kernel, _ program: ServingProgram, number: Int) throws {
            var boot = GuestBoot(
                lab: try Lab.required(), kernel: kernel, scenario: "virtio-rng",
                devices: [
                    program.device(number: number), #"{"driver":"virtio-rng-pci","addr":"5"}"#,
                ])
            boot.variables["hold"] = "1"
            directory = try TemporaryDirectory()
            qemu = try boot.start(in: directory)
        }

        deinit { qemu.kill() }

        func report() throws -> GuestReport {
            #expect(qemu.waitForSerial("CARILLON holding"))
            return GuestReport(serial: qemu.serial, diagnostics: qemu.diagnostics, qemuStatus: 0)
        }
    }

    @Test(.rules("VEC-9", "VEC-13", "QEMU-27", "DOM-9"), .scenarios("T-D01"))
    func `Two guests want more vectors than there are, and the verbs say who has which`() throws {
        let program = try ServingProgram(
            [
                "--processors", "2", "--affinity", "0", "--remapping-entries", "3", "--guarantee",
                "1", "--overcommit",
            ], devices: 2)
        let kernels = Lab.locate()?.kernels ?? []
        let guests = try (0..<2).map { try Guest(kernels[$0 % kernels.count], program, number: $0) }
        let reports = try guests.map { try $0.report() }

        let status = try program.ask(["status"], as: Status.self)
        let parent = try #require(status.parents.first)
        #expect((parent.capacity, parent.expected) == (3, 4))
        #expect((parent.held, parent.setAside, parent.available) == (2, 1, 0))
        #expect(parent.warnings.count == 2)
        #expect(parent.limiting == "remapping")
        #expect(status.instances.map(\.reserved).sorted() == [0, 2])
        #expect(parent.refused == status.instances.map(\.refused).reduce(0, +))
        for (instance, report) in zip(status.instances, reports) {
            #expect(report["bytes"] == "4096")
            #expect(instance.profile == "qemu")
            #expect(instance.entitled == 2)
            #expect(instance.booksBalance)
            let shown = try program.ask(["irqs", instance.name], as: Interrupts.self)
            if instance.reserved == 2 {
                try expectVectors(instance, shown, report)
                try expectMove(of: instance.name, program)
            } else {
                try expectPin(instance, shown, report)
            }
        }
    }

    private func expectVectors(
        _ instance: Status.Instance, _ shown: Interrupts, _ report: GuestReport
    ) throws {
        #expect(report["msi_irqs"] == "2")
        #expect(instance.bound == 2)
        let queue = try #require(shown["msix 1"])
        #expect((queue.lease, queue.sink) == ("parent", "eventfd"))
        let path = try #require(queue.path)
        #expect(path.hasPrefix("entry ") && path.contains(", cpu 0 vector 0x"))
        #expect(!path.contains("not active"))
        #expect(queue.sent == report.interruptCount("virtio0-input", "after"))
        #expect(shown["pin"]?.sent == 0)
    }

    /// A vector that a guest uses goes to another processor when the administrator says so.
    private func expectMove(of name: String, _ program: ServingProgram) throws {
        let moved = try program.ask(["move", name, "msix", "1", "1"], as: Moved.self)
        #expect((moved.processor, moved.isWhereAsked) == (1, true))
        let shown = try program.ask(["irqs", name], as: Interrupts.self)
        #expect(shown["msix 1"]?.path?.contains(", cpu 1 vector 0x") == true)
    }

    /// The guest heard no at its own request, and the reason has an explanation.
    private func expectPin(
        _ instance: Status.Instance, _ shown: Interrupts, _ report: GuestReport
    ) throws {
        #expect(report["msi_irqs"] == "0")
        #expect(instance.refused >= 2)
        let pin = try #require(shown["pin"])
        #expect(pin.sent + pin.repeated == report.interruptCount("virtio0", "after"))
        #expect(shown["msix 1"]?.lease == nil)
        let refusal = try #require(instance.lastRefusal)
        let code = try #require(refusal.split(separator: "[").last?.dropLast())
        let explanations = try ServingProgram.run(
            ["explain", "\(code)"], as: [Explanation].self)
        #expect(explanations.map(\.name) == ["\(code)"])
        #expect(code == "VECTOR-EXHAUSTED")
    }
}
