import TestTraits

/// One run of a stock Linux guest: a kernel of the lab boots, runs a scenario from `lab/guest/`,
/// and powers off.
package struct GuestBoot {
    package var lab: Lab
    package var kernel: Lab.Kernel
    /// A script of `lab/guest/` without its suffix, or the path of another script.
    package var scenario: String
    /// Arguments of `-device`, usually JSON objects, in the order of the machine's slots.
    package var devices: [String]
    /// An IOMMU with interrupt remapping, which the guest turns on: the guest then has IOMMU groups
    /// and can hand devices to its own VFIO.
    package var hasIntelIOMMU = false
    package var memoryMebibytes = 512
    /// Files for the guest's root directory, besides the programs of `lab/guest/`.
    package var files: [String] = []
    /// Variables for the scenario. They travel on the kernel's command line: no spaces.
    package var variables: [String: String] = [:]
    /// How many processors the guest has; each has some 200 vectors to give.
    package var processors = 1
    /// Kernel modules that the guest loads; nil for those of usual devices.
    package var modules: [String]?
    /// What the guest's processors are, as `-cpu` takes it.
    package var processorModel = "max"
    /// Sockets where processors hand in stores of 64 bytes (MOVDIR64B); none for processors
    /// without that instruction.
    package var storeSockets: [String] = []
    /// Whether the guest can be talked to over its serial port.
    package var takesInput = false
    /// More arguments for QEMU, for example `-trace`.
    package var arguments: [String] = []

    package init(lab: Lab, kernel: Lab.Kernel, scenario: String, devices: [String]) {
        self.lab = lab
        self.kernel = kernel
        self.scenario = scenario
        self.devices = devices
    }

    /// Boots and waits for the end; throws when the guest does not power off within the time.
    package func run(timeoutSeconds: Double = Patience.seconds) throws(LabError) -> GuestReport {
        let directory = try TemporaryDirectory()
        let qemu = try start(in: directory)
        guard let status = qemu.waitForExit(timeoutSeconds: timeoutSeconds) else {
            throw LabError(
                "guest \(kernel) \(scenario)", reason: "did not power off in time",
                diagnostics: qemu.serial + qemu.diagnostics)
        }
        return GuestReport(
            serial: qemu.serial, diagnostics: qemu.diagnostics, qemuStatus: status)
    }

    /// Boots and returns at once, for a test that acts while the guest runs. The directory takes
    /// the guest's files and must live as long as QEMU.
    package func start(in directory: TemporaryDirectory) throws(LabError) -> QEMUProcess {
        let archive = "\(directory.path)/initramfs"
        try buildInitialRAMFileSystem(archive)
        var commandLine = ["console=ttyS0", "panic=-1", "quiet"]
        var deviceArguments = devices.flatMap { ["-device", $0] }
        if hasIntelIOMMU {
            commandLine.append("intel_iommu=on")
            // Devices are put behind the IOMMU only when they come after it.
            deviceArguments =
                ["-device", "intel-iommu,intremap=on,caching-mode=on"] + deviceArguments
        }
        commandLine += variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return try QEMUProcess(
            lab: lab, memoryMebibytes: memoryMebibytes,
            arguments: [
                "-accel", accelerator, "-cpu", processorModel, "-no-reboot", "-serial", "stdio",
                "-smp", "\(processors)",
                "-kernel", kernel.image, "-initrd", archive,
                "-append", commandLine.joined(separator: " "),
            ] + deviceArguments + storeArguments + arguments,
            takesInput: takesInput)
    }

    private var accelerator: String { "tcg" }

    private var storeArguments: [String] {
        guard !storeSockets.isEmpty else { return [] }
        let plugin = "\(lab.directory)/guest/movdir64b.so"
        return ["-plugin", ([plugin] + storeSockets.map { "socket=\($0)" }).joined(separator: ",")]
    }

    /// Makes only the initial RAM file system, for whoever boots the kernel otherwise.
    package func buildInitialRAMFileSystem(_ archive: String) throws(LabError) {
        let environment = ["CARILLON_LAB": lab.directory]
        let programs = "\(lab.directory)/guest"
        _ = try ChildProcess.run(Lab.script("build-guest.sh"), [programs], variables: environment)
        let script = scenario.contains("/") ? scenario : Lab.script("guest/\(scenario).sh")
        let own = ["vfio-rng", "interrupt-tester", "block-verify"].map { "\(programs)/\($0)" }
        var variables = environment
        variables["CARILLON_MODULES"] = modules?.joined(separator: " ")
        _ = try ChildProcess.run(
            Lab.script("initramfs.sh"), [kernel.name, script] + files + own + [archive],
            variables: variables)
    }
}
