import Foundation
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
}
