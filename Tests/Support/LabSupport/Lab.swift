import Foundation

/// The unpacked lab that `lab/setup.sh` makes: QEMU, guest kernels, busybox and lspci.
package struct Lab: Sendable {
    /// A stock Debian kernel of the lab, for example "6.1-cloud".
    package struct Kernel: Sendable, Hashable, CustomStringConvertible {
        package let name: String
        /// The compressed kernel image.
        package let image: String

        package var description: String { name }
    }

    /// The layout of the cache directory this code understands; `lab/setup.sh` writes the same.
    package static let layout = 1

    package let directory: String
    /// The emulator: the lab's own or the one that `CARILLON_QEMU` names.
    package let qemu: String
    /// The kernels that every device is tried with, oldest first. Never empty.
    package let kernels: [Kernel]
    /// A kernel with the driver of accelerators, if `lab/setup.sh --dsa` was run.
    package let acceleratorKernel: Kernel?

    /// The lab, or nil when this machine has none; then `absenceReason` says why.
    package static func locate() -> Lab? {
        try? located.get()
    }

    /// One sentence for a skipped test: what is missing and how to get it. Empty when there is a
    /// lab.
    package static var absenceReason: String {
        guard case .failure(let error) = located else { return "" }
        return "\(error)"
    }

    /// The lab, for a test that runs only when there is one.
    package static func required() throws(LabError) -> Lab {
        try located.get()
    }

    /// One sentence for a skipped test of accelerators; empty when the lab has what they need.
    package static var acceleratorAbsenceReason: String {
        guard let lab = locate() else { return absenceReason }
        return lab.acceleratorKernel == nil
            ? "the accelerator's part is absent: run `lab/setup.sh --dsa`" : ""
    }

    private static let located: Result<Lab, LabError> = Result { () throws(LabError) in
        try Lab(environment: ProcessInfo.processInfo.environment)
    }

    /// Looks where `lab/setup.sh` puts its result under these environment variables.
    package init(environment: [String: String]) throws(LabError) {
        let directory = Lab.directory(environment: environment)
        guard
            let stamp = try? String(contentsOfFile: "\(directory)/stamp", encoding: .utf8),
            stamp.split(separator: "\n").contains("layout \(Lab.layout)")
        else {
            throw LabError("lab", reason: "absent at \(directory): run `make lab`")
        }
        let ownQEMU = environment["CARILLON_QEMU"].flatMap { $0.isEmpty ? nil : $0 }
        let qemu = ownQEMU ?? "\(directory)/qemu"
        guard FileManager.default.isExecutableFile(atPath: qemu) else {
            throw LabError("lab", reason: "\(qemu) is not a program: run `make lab`")
        }
        self.directory = directory
        self.qemu = qemu
        let found = Lab.kernels(below: "\(directory)/kernels")
        kernels = found.filter { $0.name.hasSuffix("-cloud") }
        acceleratorKernel = found.last { !$0.name.hasSuffix("-cloud") }
        guard !kernels.isEmpty else {
            throw LabError("lab", reason: "no kernels in \(directory): run `make lab`")
        }
    }

    /// Runs the lab's lspci; `-F FILE` decodes a dump of configuration space.
    package func lspci(_ arguments: [String]) throws(LabError) -> String {
        try ChildProcess.run("\(directory)/lspci", arguments)
    }

    /// A file below the repository's `lab/`.
    static func script(_ name: String) -> String {
        var components = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        components.removeLast(4)  // Tests/Support/LabSupport/Lab.swift
        return components.joined(separator: "/") + "/lab/\(name)"
    }

    private static func directory(environment: [String: String]) -> String {
        if let chosen = environment["CARILLON_LAB"], !chosen.isEmpty {
            return chosen
        }
        if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty {
            return "\(cache)/carillon/lab"
        }
        return "\(environment["HOME"] ?? "")/.cache/carillon/lab"
    }

    private static func kernels(below directory: String) -> [Kernel] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return
            names
            .map { Kernel(name: $0, image: "\(directory)/\($0)/vmlinuz") }
            .filter { FileManager.default.isReadableFile(atPath: $0.image) }
            .sorted { $0.name.compare($1.name, options: .numeric) == .orderedAscending }
    }
}
