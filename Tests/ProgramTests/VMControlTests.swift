import Foundation
import LabSupport
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// A machine that runs, and stands still with one interrupt taken and one that waits, while it is
/// asked.
@Suite(
    .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open"), .endsWhenHung)
struct VMControlTests {
    /// What the verbs say, as far as it is looked at.
    private struct Answer: Decodable {
        struct Device: Decodable {
            let name: String
            let attached: Int
        }

        struct Interrupt: Decodable {
            let guest: String
            let pending: Bool
            let taker: String?
            let sink: String?
            let raised: UInt64?
            let sent: UInt64?
        }

        struct Row: Decodable {
            let interrupt: String
        }

        let devices: [Device]?
        let interrupts: [Interrupt]?
        let rows: [Row]?
    }

    private let folder: TemporaryDirectory
    private var control: String { folder.path + "/control" }

    init() throws { folder = try TemporaryDirectory() }

    /// Runs the machine with `device` until it stands still.
    private func start(_ device: String) throws -> ChildProcess {
        let payload = URL(fileURLWithPath: CarillonProgram.path).deletingLastPathComponent()
            .appendingPathComponent("interrupt-payload").path
        let machine = try ChildProcess(
            CarillonProgram.path,
            [
                "vm", "run", "--payload", payload, "--append", "hold", "--control", control,
                "--device", device,
            ], takesInput: true)
        let isHolding = machine.waitForOutput("until a byte is typed")
        try #require(isHolding, "\(machine.outputText) \(machine.errorText)")
        return machine
    }

    private func end(_ machine: ChildProcess) {
        machine.say("")
        #expect(machine.waitForExit() == 0, "\(machine.outputText)")
        #expect(!FileManager.default.fileExists(atPath: control))
    }

    private func text(_ words: String...) throws -> String {
        try ChildProcess.run(CarillonProgram.path, words + ["--control", control])
    }

    private func ask(_ words: String...) throws -> Answer {
        let text = try ChildProcess.run(
            CarillonProgram.path, words + ["--json", "--control", control])
        return try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
    }

    @Test(.rule("VM-17")) func aDeviceOfTheProgramHasItsBooks() throws {
        let machine = try start("interrupt-tester,msix=4,ims=0")
        #expect(try ask("status").devices?.map(\.name) == ["interrupt-tester-0"])
        #expect(try text("status").contains("interrupt-tester-0"))
        let interrupts = try #require(try ask("irqs").interrupts).prefix(2)
        #expect(interrupts.map(\.guest) == ["msix 0", "msix 1"])
        #expect(interrupts.map(\.pending) == [false, true])
        #expect(interrupts.map(\.raised) == [1, 1])
        #expect(interrupts.map(\.sent) == [1, 0])
        #expect(interrupts.map(\.sink) == ["message", "message"])
        let rows = try ask("top", "--count", "1", "--interval", "0.05").rows
        #expect(rows?.map(\.interrupt).sorted() == ["msix 0", "msix 1", "pin"])
        end(machine)
    }

    @Test(.rule("VM-17")) func aServedDeviceHasItsWays() throws {
        let socket = folder.path + "/device"
        let server = try ChildProcess(
            CarillonProgram.path, ["serve", "interrupt-tester", "--socket", socket])
        #expect(server.waitForErrorOutput("verbs are answered"))
        let machine = try start("vfio-user,socket=\(socket)")
        let devices = try #require(try ask("status").devices)
        #expect(devices.map(\.name) == ["vfio-user-0"])
        #expect(devices.map(\.attached) == [1])
        let interrupts = try #require(try ask("irqs").interrupts)
        #expect(interrupts.count == 2049 && interrupts.last?.guest == "pin")
        #expect(interrupts.last?.taker == "kernel")
        #expect(interrupts.prefix(2).map(\.guest) == ["msix 0", "msix 1"])
        // The server itself holds back what is masked.
        #expect(interrupts.prefix(2).map(\.pending) == [false, false])
        #expect(interrupts.prefix(2).map(\.taker) == ["kernel", nil])
        #expect(try text("irqs").contains("msix 0"))
        #expect(try ask("top", "--count", "1", "--interval", "0.05").rows?.isEmpty == true)
        end(machine)
        withExtendedLifetime(server) {}
    }

    @Test(
        arguments: [
            (["irqs", "nobody"], "CONTROL-DEVICE"),
            (["budget", "--guarantee", "0", "--limit", "1"], "CONTROL-REQUEST"),
            (["move", "x", "msix", "0", "0"], "CONTROL-REQUEST"),
        ] as [([String], String)])
    func whatAMachineDoesNotAnswer(words: [String], code: String) throws {
        let machine = try start("interrupt-tester,msix=4")
        let outcome = try CarillonProgram.run(words + ["--control", control])
        #expect(outcome.status == 1 && outcome.errors.contains(code), "\(outcome)")
        end(machine)
    }
}
