import Foundation
import LabSupport
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// `carillon vm run` as a user meets it.
@Suite(.endsWhenHung) struct VMCommandTests {
    private static let payload = URL(fileURLWithPath: CarillonProgram.path)
        .deletingLastPathComponent().appendingPathComponent("interrupt-payload").path

    @Test(arguments: [
        [], ["--payload", "x", "--kernel", "y"], ["--payload", "x", "--initrd", "y"],
        ["--payload", "x", "--cpus", "0"], ["--payload", "x", "--cpus", "1025"],
        ["--payload", "x", "--memory", "12"], ["--payload", "x", "--memory", "0M"],
        ["--payload", "x", "--chip", "none"], ["--payload", "x", "--routes", "3"],
        ["--payload", "x", "--timeout", "0"], ["--payload", "x", "--disk", ""],
        ["--payload", "x", "--device", "floppy"],
        ["--payload", "x", "--device", "virtio-blk"],
        ["--payload", "x", "--device", "vfio-user"],
        ["--payload", "x", "--device", "vfio-user,socket="],
        ["--payload", "x", "--device", "interrupt-tester,msix=2049"],
        ["--payload", "x", "--device", "interrupt-tester,msi=3"],
        ["--payload", "x", "--device", "interrupt-tester,slot=0"],
        ["--payload", "x", "--device", "interrupt-tester,slot=32"],
        ["--payload", "x", "--device", "interrupt-tester,slot=1,slot=2"],
        ["--payload", "x", "--device", "interrupt-tester,queues=1"],
        ["--payload", "x", "--device", "virtio-rng,vectors=x"],
    ]) func aCommandLineThatMakesNoSense(arguments: [String]) throws {
        let outcome = try CarillonProgram.run(["vm", "run"] + arguments)
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(outcome.errors.contains("vm run"))
    }

    @Test(
        .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open"),
        arguments: [
            (["--payload", "/nonexistent"], "HOST-FILE"), (["--payload", "/bin/sh"], "VM-IMAGE"),
            (["--payload", "/etc/passwd"], "VM-IMAGE"), (["--kernel", "/etc/passwd"], "VM-IMAGE"),
            (["--payload", "x", "--disk", "/nonexistent"], "HOST-BLOCK-FILE"),
            (["--payload", "x", "--device", "vfio-user,socket=/nonexistent"], "HOST-CONNECT"),
            (
                [
                    "--payload", "x", "--device", "virtio-rng,slot=3", "--device",
                    "virtio-rng,slot=3",
                ], "VM-SLOT"
            ),
        ] as [([String], String)])
    func whatTheHostOrAFileRefuses(arguments: [String], code: String) throws {
        let outcome = try CarillonProgram.run(["vm", "run"] + arguments)
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("[\(code)]"), "\(outcome.errors)")
    }

    @Test(.enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open"))
    func aPayloadPassesAndTheReportSaysSo() throws {
        let outcome = try CarillonProgram.run([
            "vm", "run", "--payload", Self.payload, "--append", "self enumerate", "--json",
            "--cpus", "2", "--device", "virtio-rng", "--timeout", "60",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let report = try #require(object as? [String: Any])
        #expect(report["end"] as? String == "passed")
        #expect(report["exitStatus"] as? Int == 0)
        #expect((report["devices"] as? [[String: Any]])?.count == 1)
        #expect(outcome.errors.contains("pass self"))
    }

    @Test(.enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open"))
    func aPayloadThatFailsSaysSoByItsStatus() throws {
        let outcome = try CarillonProgram.run([
            "vm", "run", "--payload", Self.payload, "--append", "no-such-scenario",
        ])
        #expect(outcome.status == 2, "\(outcome.errors)")
    }

    /// Asks a machine that stands still with one interrupt taken and one that waits.
    @Test(
        .rule("VM-17"),
        .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open"),
        arguments: [false, true])
    func aMachineIsAskedWhileItRuns(served: Bool) throws {
        let folder = try TemporaryDirectory()
        let (socket, control) = (folder.path + "/device", folder.path + "/control")
        var server: ChildProcess?
        if served {
            let child = try ChildProcess(
                CarillonProgram.path,
                ["serve", "interrupt-tester", "--socket", socket])
            #expect(child.waitForErrorOutput("verbs are answered"))
            server = child
        }
        let device = served ? "vfio-user,socket=\(socket)" : "interrupt-tester,msix=4,ims=0"
        let machine = try ChildProcess(
            CarillonProgram.path,
            [
                "vm", "run", "--payload", Self.payload, "--append", "hold", "--control", control,
                "--device", device,
            ], takesInput: true)
        let isHolding = machine.waitForOutput("until a byte is typed")
        try #require(isHolding, "\(machine.outputText) \(machine.errorText)")

        func ask(_ words: String...) throws -> String {
            try ChildProcess.run(CarillonProgram.path, words + ["--control", control])
        }
        let status = try JSONDecoder().decode(Status.self, from: Data(ask("status", "--json").utf8))
        #expect(status.devices.map(\.name) == [served ? "vfio-user-0" : "interrupt-tester-0"])
        #expect(status.devices[0].attached == (served ? 1 : 0))
        #expect(try ask("status").contains(status.devices[0].name))
        let irqs = try JSONDecoder().decode(
            Interrupts.self, from: Data(ask("irqs", "--json").utf8)
        ).interrupts
        #expect(irqs.prefix(2).map(\.guest) == ["msix 0", "msix 1"])
        if served {
            // The server itself holds back what is masked.
            #expect(irqs.prefix(2).map(\.pending) == [false, false])
            #expect(irqs.prefix(2).map(\.taker) == ["kernel", nil])
            #expect(try ask("irqs").contains("msix 0"))
        } else {
            #expect(irqs.prefix(2).map(\.pending) == [false, true])
            #expect(irqs.prefix(2).map(\.raised) == [1, 1])
            #expect(irqs.prefix(2).map(\.sent) == [1, 0])
            #expect(irqs.prefix(2).map(\.sink) == ["message", "message"])
        }
        for (words, code) in [
            (["irqs", "nobody"], "CONTROL-DEVICE"),
            (["budget", "--guarantee", "0", "--limit", "1"], "CONTROL-REQUEST"),
            (["move", "x", "msix", "0", "0"], "CONTROL-REQUEST"),
        ] {
            let outcome = try CarillonProgram.run(words + ["--control", control])
            #expect(outcome.status == 1 && outcome.errors.contains(code), "\(outcome)")
        }
        machine.say("")
        #expect(machine.waitForExit() == 0, "\(machine.outputText)")
        #expect(!FileManager.default.fileExists(atPath: control))
        withExtendedLifetime(server) {}
    }

    private struct Status: Decodable {
        struct Device: Decodable {
            let name: String
            let attached: Int
        }

        let devices: [Device]
    }

    private struct Interrupts: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let pending: Bool
            let taker: String?
            let sink: String?
            let raised: UInt64?
            let sent: UInt64?
        }

        let interrupts: [Interrupt]
    }
}
