import Foundation
import LabSupport
import PCIConfigSpace
import Testing

/// The decoder of pciutils, which knows nothing of us.
enum Lspci {
    /// The program: `CARILLON_LSPCI`, or the first `lspci` in `PATH` or among system programs.
    static let path: String? = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["CARILLON_LSPCI"] {
            return FileManager.default.isExecutableFile(atPath: named) ? named : nil
        }
        let directories = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (directories + ["/usr/bin", "/usr/sbin", "/sbin"])
            .map { $0 + "/lspci" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    static var isAvailable: Bool { path != nil }

    /// Why a test that needs it was skipped.
    static let reason: Comment = "lspci is neither in PATH nor named by CARILLON_LSPCI"

    /// What later versions of lspci call by another name.
    private static let renamed = [("IntMsgNum 0", "MSI 00"), ("LnkDisable-", "Disabled-")]

    /// What `lspci -vv` says of the dump, one trimmed line each, in the words of version 3.9.
    static func decode(_ config: ConfigSpace) throws -> [String] {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-\(UUID().uuidString).lspci")
        try Data(config.lspciDump().utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let text = try ChildProcess.run(
            path ?? "/usr/bin/lspci", ["-vv", "-n", "-F", file.path])
        return text.split(separator: "\n").map {
            renamed.reduce($0.trimmingCharacters(in: .whitespaces)) { line, words in
                line.replacing(words.0, with: words.1)
            }
        }
    }
}
