import ArgumentParser
import Foundation
import InterruptDelivery
import LinuxKernel
import MachineModels
import UnixSignals
import VirtualMachine

/// Runs one machine until its end.
struct VMRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a payload or a Linux kernel until it ends.",
        discussion: """
            The guest's serial port is standard output and input. Devices are put on one PCI bus \
            in the order in which they are given:

            \(VMDevice.forms.map { "  " + $0 }.joined(separator: "\n"))

            Exit status: 0 if the payload passed or the guest powered off; 1 if the host or a \
            device said no; 2 if the payload failed; 3 if a processor shut down or got stuck, or \
            the guest reset the machine; 64 for a command line that is not understood; 124 after \
            --timeout; 128 and the signal's number after a signal.
            """)

    @Option(help: ArgumentHelp("A freestanding program, ELF for x86-64.", valueName: "file"))
    var payload: String?

    @Option(help: ArgumentHelp("A Linux kernel, as a bzImage.", valueName: "file"))
    var kernel: String?

    @Option(help: ArgumentHelp("The kernel's initial file system.", valueName: "file"))
    var initrd: String?

    @Option(help: "The kernel's command line, or the payload's arguments.")
    var append: String?

    @Option(
        help: ArgumentHelp(
            "A file with blocks, as a virtio-blk; may be repeated.",
            valueName: "file"))
    var disk: [String] = []

    @Option(
        help: ArgumentHelp("A device, as above; may be repeated.", valueName: "kind[,option...]"))
    var device: [VMDevice] = []

    @Option(help: "How many processors. Default: 1.")
    var cpus = 1

    @Option(help: ArgumentHelp("How much memory, such as 512M or 2G.", valueName: "size"))
    var memory = "512M"

    enum Chip: String, ExpressibleByArgument, CaseIterable {
        case kernel, split
    }

    @Option(help: "Where the I/O APIC is: in the kernel, or split off into this program.")
    var chip = Chip.kernel

    @Option(help: "The most routes to use. Default: what the kernel takes.")
    var routes: Int?

    @Flag(
        help: """
            Let devices expect more routes together than there are; interrupts without one are \
            carried by this program.
            """)
    var overcommit = false

    @Option(
        help: ArgumentHelp(
            "Where carillon status, irqs and top ask the machine while it runs.",
            valueName: "path"))
    var control: String?

    @Option(help: ArgumentHelp("End the machine after so long.", valueName: "seconds"))
    var timeout: Int?

    @Flag(
        help: """
            Write one JSON document on standard output at the end; what the guest writes goes to \
            standard error.
            """
    )
    var json = false

    func validate() throws {
        guard (payload == nil) != (kernel == nil) else {
            throw ValidationError("Give either --payload or --kernel.")
        }
        guard kernel != nil || initrd == nil else {
            throw ValidationError("--initrd goes with --kernel.")
        }
        guard !disk.contains("") else {
            throw ValidationError("--disk takes the path of a file.")
        }
        guard ByteSize(memory) != nil else {
            throw ValidationError("--memory takes a size such as 512M or 2G.")
        }
        guard MachineLayout.processorLimits.contains(cpus) else {
            throw ValidationError("--cpus takes a number from 1 to 1024.")
        }
        guard timeout ?? 1 > 0 else {
            throw ValidationError("--timeout takes a positive number of seconds.")
        }
        guard routes ?? RouteTable.pins >= RouteTable.pins else {
            throw ValidationError("--routes takes \(RouteTable.pins) or more.")
        }
    }

    func run() async throws {
        let console = try ConsoleWriter(to: json ? .standardError : .standardOutput)
        let machine = try makeMachine(console)
        let image: MachineImage =
            if let payload {
                .payload(path: payload, arguments: append ?? "")
            } else {
                .kernel(path: kernel ?? "", initrd: initrd, commandLine: append ?? "console=ttyS0")
            }
        let desk = MachineDesk(machine: machine)
        let server = try control.map { path in
            try ControlServer(listener: try UnixListener(path: path)) { await desk.answer($0) }
        }
        defer { server?.stop() }
        let outcome = try await VMRun(machine: machine, image: image, seconds: timeout).outcome()
        let unwritten = console.finish()
        if unwritten > 0 {
            FileHandle.standardError.write(
                Data("carillon: \(unwritten) bytes of the console were not read\n".utf8))
        }
        let report = VMReport(machine, outcome)
        if json {
            try Output.json(report)
        } else {
            FileHandle.standardError.write(Data(report.text.utf8))
        }
        if outcome.status != 0 { throw ExitCode(outcome.status) }
    }

    private func makeMachine(_ console: ConsoleWriter) throws -> Machine {
        guard let size = ByteSize(memory),
            let layout = MachineLayout(memoryBytes: size.bytes, processors: cpus)
        else {
            throw ValidationError("--memory takes 2M to 32G, in steps of 2M.")
        }
        var configuration = Machine.Configuration(layout: layout)
        configuration.chip = chip == .kernel ? .kernel : .split
        configuration.routes = routes
        configuration.overcommitsRoutes = overcommit
        let machine = try Machine(configuration) {
            console.show($0)
        } observe: { event in
            FileHandle.standardError.write(Data("carillon: \(event)\n".utf8))
        }
        let disks = disk.map { VMDevice(disk: $0) }
        for (number, device) in (disks + device).enumerated() {
            try device.add(to: machine, as: "\(device.kind.rawValue)-\(number)")
        }
        return machine
    }
}
