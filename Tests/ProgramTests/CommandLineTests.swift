import Foundation
import LabSupport
import LinuxKernel
import ProgramSupport
import Testing

@Suite struct CommandLineTests {
    @Test(arguments: [
        ["frobnicate"], ["serve"], ["serve", "virtio-rng"], ["serve", "bogus", "--socket", "x"],
        ["serve", "virtio-rng", "--socket", "x", "--vectors", "-1"],
        ["serve", "virtio-rng", "--socket", "x", "--vectors", "many"],
        ["serve", "virtio-rng", "--socket", "x", "--loops", "0"],
        ["serve", "virtio-rng", "--socket", "x", "--refuse", "1000001"],
        ["serve", "virtio-rng", "--socket", "x", "--trace", "-3"],
        ["serve", "virtio-rng", "--socket", "x", "--log-level", "loud"],
        ["serve", "virtio-rng", "--socket", "x", "--msi", "4"],
        ["serve", "virtio-rng", "--socket", "x", "--socket", "x"],
        ["serve", "virtio-rng", "--socket", "x", "--guarantee", "3", "--limit", "2"],
        ["serve", "virtio-rng", "--socket", "x", "--limit", "-1"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "0"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "2", "--vectors", "2"],
        ["serve", "virtio-rng", "--socket", "x", "--remapping-entries", "65537"],
        ["serve", "virtio-rng", "--socket", "x", "--metrics", "65536"],
        ["serve", "virtio-rng", "--socket", "x", "--inject", "HOST-MAP=ENOTHING"],
        ["serve"], ["serve", "virtio-rng", "--config", "x"],
        ["serve", "--config", "x", "--socket", "y"],
        ["show"], ["show", "x"], ["cloud-hypervisor-args", "x"], ["libvirt-xml"],
        [
            "cloud-hypervisor-args", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "--memory", "lots",
        ],
        ["define", "-t", "x"], ["define", "-p", "x"], ["define", "-p", "x", "-t", "y", "-u", "z"],
        ["define", "-p", "x", "-t", "y", "--jsonfile", "z"], ["undefine"], ["stop"], ["start"],
        ["start", "-t", "x"], ["modify", "-u", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"],
        ["modify", "-u", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "--addattr", "x"],
        ["modify", "-u", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "--live", "--auto"],
        ["stop", "-u", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "--force", "--drain"],
        ["qemu-args", "--socket", "x", "-u", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"],
        ["move", "--control", "x", "device", "pin", "0", "1"],
        ["move", "--control", "x", "device", "msix", "2048", "1"],
        ["move", "--control", "x", "device", "msix", "0", "2-1"],
        ["serve", "virtio-rng", "--socket", "x", "--affinity", "0"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "2", "--affinity", "2"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "2", "--affinity", "0,"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "2", "--managed"],
        ["serve", "virtio-rng", "--socket", "x", "--processors", "2", "--late-vectors"],
        ["serve", "virtio-rng", "--socket", "x", "--rate-limit", "0"],
        ["serve", "virtio-rng", "--socket", "x", "--rate-limit", "5:0"],
        ["serve", "virtio-rng", "--socket", "x", "--rate-limit", "5:1:1"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "msi-y"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "msi-x:0"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "msi-x:2049"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "msi:3"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "software:1"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "software", "--backing", "ims"],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "ims", "--backing", "ims"],
        [
            "serve", "virtio-rng", "--socket", "x", "--backing", "msi:8", "--processors", "1",
        ],
        [
            "serve", "virtio-rng", "--socket", "x", "--backing", "msi:8", "--remapping-entries",
            "4",
        ],
        ["serve", "virtio-rng", "--socket", "x", "--backing", "msi:8", "--vectors", "4"],
        ["serve", "virtio-rng", "--socket", "x", "--pasid", "1:2"],
        ["serve", "interrupt-tester", "--socket", "x", "--pasid", "1:2"],
        ["serve", "interrupt-tester", "--socket", "x", "--ims", "1", "--pasid", "1:0x100000"],
        ["serve", "interrupt-tester", "--socket", "x", "--ims", "1", "--pasid", "1"],
        ["top", "--control", "x", "--interval", "0"], ["trace", "view"],
        ["status"], ["irqs", "device"], ["budget", "--guarantee", "1"],
        ["budget", "--control", "x", "--guarantee", "2", "--limit", "1"], ["explain"],
        ["serve", "interrupt-tester", "--socket", "x", "--msi", "3"],
        ["serve", "interrupt-tester", "--socket", "x", "--msix", "2049"],
        ["serve", "interrupt-tester", "--socket", "x", "--ims", "2049"],
        ["serve", "interrupt-tester", "--socket", "x", "--ims-in-memory"],
        ["serve", "virtio-rng", "--socket", "x", "--ims", "4"],
        ["qemu-args"], ["qemu-args", "--socket", ""],
        ["qemu-args", "--socket", "x", "--memory", "lots"], ["try", "harder"], ["doctor", "--who"],
    ])
    func aWrongCommandLineGetsTheUsageAndExit64(_ arguments: [String]) throws {
        let outcome = try CarillonProgram.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("Usage: carillon"))
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: [
        "try", "serve", "status", "irqs", "budget", "trace", "top",
        "explain", "qemu-args", "doctor",
    ])
    func helpNamesEveryCommandAndEveryCommandHasHelp(_ command: String) throws {
        let all = try CarillonProgram.run(["--help"])
        #expect(all.status == 0)
        #expect(all.output.contains(command))
        let own = try CarillonProgram.run(["help", command])
        #expect(own.status == 0)
        #expect(own.output.contains("USAGE: carillon \(command)"))
    }

    @Test func aTesterThatTheParentCannotBackIsNotServed() throws {
        let outcome = try CarillonProgram.run(
            ["serve", "interrupt-tester", "--socket", "x", "--msix", "9", "--vectors", "4"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("BUDGET-GUARANTEE"))
    }

    @Test func doctorFindsWhatServingNeeds() throws {
        let outcome = try CarillonProgram.run(["doctor", "--json"])
        #expect(outcome.status == 0)
        let findings = try JSONDecoder().decode([Finding].self, from: Data(outcome.output.utf8))
        let machines =
            KVMNode.isUsable ? ["vm run --chip kernel", "vm run --chip split"] : []
        let subjects =
            ["kernel objects", "io_uring", "/dev/kvm"] + machines
            + ["QEMU", "open files", "locked memory"]
        #expect(findings.map(\.subject) == subjects)
        for finding in findings where finding.state != "good" {
            #expect(finding.advice?.hasSuffix(".") == true, "\(finding.subject) has no advice")
        }
    }

    @Test func doctorSaysWhatIsWrongWithANamedQEMU() throws {
        let outcome = try CarillonProgram.run(
            ["doctor"], environment: ["CARILLON_QEMU": "/nonexistent/qemu"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("/nonexistent/qemu does not run"))
    }

    @Test func qemuArgumentsSurviveAShell() throws {
        let socket = "/tmp/it's a \"socket\".sock"
        let words = try CarillonProgram.run(["qemu-args", "--socket", socket]).output
        let json = try CarillonProgram.run(["qemu-args", "--socket", socket, "--json"]).output
        let expected = try JSONDecoder().decode([String].self, from: Data(json.utf8))
        let printed = try ChildProcess.run("/bin/sh", ["-c", "printf '%s\\n' " + words])
        let lines = printed.split(separator: "\n").map(String.init)
        #expect(lines == expected)
        #expect(lines.last?.contains("vfio-user-pci") == true)
    }

    private struct Finding: Decodable {
        let subject: String
        let state: String
        let advice: String?
    }
}
