import LabSupport
import TestTraits
import Testing

/// Unmodified kernels use the served entropy device through their own virtio driver, and count the
/// same interrupts as the server.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestInterruptTests {
    /// How the guest's interrupts are to look, given how many vectors it was refused.
    struct Expectation: Sendable, CustomTestStringConvertible {
        let kernel: Lab.Kernel
        let arguments: [String]
        /// Requests for a vector that the parent refused; a kernel stops asking at some point.
        let refusals: Int
        /// The action in /proc/interrupts that counts the queue's interrupts.
        let action: String

        /// The interrupt pin is used, and no vector.
        var isPin: Bool { action == "virtio0" }

        var testDescription: String {
            "\(kernel) \(arguments.joined(separator: " "))"
        }
    }

    /// Linux asks for a vector per queue, then for one shared by all queues, then uses the pin.
    /// Since 6.11 there is a step between the two: vectors per queue where they matter.
    private static func actions(_ kernel: Lab.Kernel) -> (refusals: [Int], actions: [String]) {
        kernel.name.hasPrefix("6.1-")
            ? ([0, 1, 2, 2], ["virtio0-input", "virtio0-virtqueues", "virtio0", "virtio0"])
            : ([0, 1, 2, 3], ["virtio0-input", "virtio0-input", "virtio0-virtqueues", "virtio0"])
    }

    private static let rehearsals: [Expectation] = (Lab.locate()?.kernels ?? []).flatMap { kernel in
        let expected = actions(kernel)
        return (0..<4).map { refusals in
            // One guest's vectors have 20 messages a second: it must not notice but by the clock.
            let isSlow = refusals == 0 && kernel == Lab.locate()?.kernels.last
            return Expectation(
                kernel: kernel,
                arguments: ["--refuse", "\(refusals)"] + (isSlow ? ["--rate-limit", "20"] : []),
                refusals: expected.refusals[refusals], action: expected.actions[refusals])
        }
    }

    /// A parent with one vector or none: every attempt of the kernel fails in the same way.
    private static let exhaustions: [Expectation] = (Lab.locate()?.kernels ?? []).flatMap {
        kernel in
        let attempts = kernel.name.hasPrefix("6.1-") ? 2 : 3
        return (0..<2).map { vectors in
            Expectation(
                kernel: kernel, arguments: ["--vectors", "\(vectors)"], refusals: attempts,
                action: "virtio0")
        }
    }

    /// A device of QEMU's own, to which the guest turns before the counts are read: its kernel
    /// reads the current source now and then, and would count on after that.
    private static let otherSource = #"{"driver":"virtio-rng-pci","addr":"5"}"#

    @Test(
        .rules("QEMU-27", "RATE-2"), .scenarios("T-D01", "T-D03"),
        arguments: rehearsals + exhaustions)
    func `The guest and the server count the same interrupts`(_ expected: Expectation) throws {
        let program = try ServingProgram(expected.arguments)
        let guest = try GuestBoot(
            lab: try Lab.required(), kernel: expected.kernel, scenario: "virtio-rng",
            devices: [program.device(), Self.otherSource]
        ).run()

        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(program.log)")
        #expect(guest["driver"] == "virtio_rng")
        #expect(guest.all("rng_current").map(\.value) == ["virtio_rng.0", "virtio_rng.1"])
        #expect(guest["bytes"] == "4096")
        #expect(guest["distinct"].flatMap { Int($0) } ?? 0 > 200)
        let served = try program.report()
        #expect(served.booksBalance)
        #expect(served.refused == expected.refusals)
        #expect(served.memoryFaults == 0)
        #expect(served.strayEvents == 0)
        let isSlow = expected.arguments.contains("--rate-limit")
        #expect(served.vectors.contains { $0.deferred > 0 } == isSlow)
        try expectSameCounts(guest, served, expected)
    }

    /// The guest reads /proc/interrupts when nobody reads the device and its counts stand still.
    private func expectSameCounts(
        _ guest: GuestReport, _ served: ServingProgram.Report, _ expected: Expectation
    ) throws {
        let lines = guest.all("interrupts.after")
        let counted = try #require(guest.interruptCount(expected.action, "after"), "\(lines)")
        #expect(counted >= 17)
        let pin = try #require(served["pin"])
        if expected.isPin {
            #expect(lines.count == 1)
            #expect(lines.first?.field("chip") == "IO-APIC")
            #expect(guest["msi_irqs"] == "0")
            // A cause is told again after an unmask while it holds, and the guest is interrupted
            // again: told is what the guest counts, causes may be fewer.
            #expect(counted == pin.sent + pin.repeated)
            #expect(served["msix 0"]?.raised == 0)
            #expect(served["msix 1"]?.raised == 0)
        } else {
            #expect(lines.count == 2)
            #expect(guest["msi_mode"] == "msix")
            #expect(guest["msi_irqs"] == "2")
            #expect(guest.interruptCount("virtio0-config", "after") == 0)
            #expect(served["msix 0"]?.sent == 0)
            #expect(served["msix 1"]?.sent == counted)
            #expect(served["msix 1"]?.pending == false)
            #expect(pin.raised == 0)
        }
    }
}
