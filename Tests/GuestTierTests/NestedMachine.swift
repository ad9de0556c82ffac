import Foundation
import LabSupport

/// A machine of `carillon vm run` in a guest of the lab, whose emulated processor has the
/// virtualization that the guest's own KVM works with.
struct NestedMachine {
    /// Where `Tools/static.sh` puts what runs without libraries: the program and the payload.
    enum Programs {
        static let carillon = directory + "carillon"
        static let payload = directory + "interrupt-payload"

        static var areThere: Bool {
            [carillon, payload].allSatisfy(FileManager.default.isExecutableFile)
        }

        /// One sentence for a skipped test; empty when the programs are there.
        static var absenceReason: String {
            areThere ? "" : "there is no static program: run `make static`"
        }

        private static let directory: String = {
            var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            parts.removeLast(3)  // Tests/GuestTierTests/NestedMachine.swift
            return parts.joined(separator: "/") + "/.build/static/"
        }()
    }

    /// What `carillon vm run --json` reports in the end.
    struct Report: Decodable {
        struct Device: Decodable {
            let name: String
            let lost: [String: Int]
            let failure: String?
        }

        struct Messages: Decodable {
            let delivered: Int
            let withoutTarget: Int
            let unreachable: Int
            let refused: Int
            let failed: Int
        }

        let end: String
        let devices: [Device]
        let messages: Messages
    }

    /// What `carillon serve --json` reports of a device in the end.
    struct Served: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let sent: Int
        }

        let booksBalance: Bool
        let interrupts: [Interrupt]

        /// How many events left for what the guest sees as "msix 1" or "pin".
        func sent(_ guest: String) -> Int? { interrupts.first { $0.guest == guest }?.sent }
    }

    /// What the machine and the guest around it said.
    struct Outcome {
        let guest: GuestReport
        /// The program's exit status.
        let status: String?
        let report: Report
        /// Of the devices that were served, in their order.
        let served: [Served]
    }

    let lab: Lab
    let directory: TemporaryDirectory
    /// Of `carillon vm run`, without what is in `runsLinux` or `runsPayload`.
    private var arguments: [String]
    /// What `carillon serve` serves beside it.
    private var servers: [String] = []
    /// Files for the machine, in the root directory of the guest around it.
    private var files: [String] = []

    init(_ arguments: String...) throws(LabError) {
        lab = try Lab.required()
        directory = try TemporaryDirectory()
        self.arguments = arguments
    }

    /// Adds a device that `carillon serve` serves from a process of its own.
    mutating func addServed(_ words: String) {
        servers.append(words)
        arguments += ["--device", "vfio-user,socket=/tmp/served-\(servers.count)"]
    }

    /// The payload is what runs.
    mutating func runsPayload() {
        files = [Programs.payload]
        arguments += ["--payload", "/interrupt-payload"]
    }

    /// A stock kernel is what runs, with the scenario `vm-guest` and its variables.
    mutating func runsLinux(
        _ kernel: Lab.Kernel, _ variables: [String: String]
    ) throws {
        let (image, archive) = (
            directory.path + "/machine-kernel", directory.path + "/machine-initrd"
        )
        try FileManager.default.copyItem(atPath: kernel.image, toPath: image)
        try GuestBoot(lab: lab, kernel: kernel, scenario: "vm-guest", devices: [])
            .buildInitialRAMFileSystem(archive)
        files = [image, archive]
        let words =
            ["console=ttyS0", "panic=-1", "quiet"]
            + variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        arguments += [
            "--kernel", "/machine-kernel", "--initrd", "/machine-initrd",
            "--append", words.joined(separator: " "),
        ]
    }

    /// Boots the guest around it, runs it there, and returns when both have ended.
    func run() throws -> Outcome {
        let lists = [
            try write(["vm", "run"] + arguments, "machine.args"),
            try write(servers, "machine.serve"),
        ]
        var guest = GuestBoot(
            lab: lab, kernel: lab.kernels[0], scenario: "vm-host", devices: [])
        guest.files = files + [Programs.carillon] + lists
        guest.modules = ["kvm-amd"]
        guest.processors = 2
        guest.memoryMebibytes = 1024
        let report = try guest.run()
        guard let text = report["machine.report"] else {
            throw LabError(
                "carillon vm run", reason: "no report", diagnostics: report.serial)
        }
        return Outcome(
            guest: report, status: report["machine.status"],
            report: try JSONDecoder().decode(Report.self, from: Data(text.utf8)),
            served: try report.all("machine.served").map {
                try JSONDecoder().decode(Served.self, from: Data($0.value.utf8))
            })
    }

    private func write(_ lines: [String], _ name: String) throws -> String {
        let path = directory.path + "/" + name
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: URL(filePath: path))
        return path
    }
}
