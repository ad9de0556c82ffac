import RepositoryRules

/// Repositories of a few lines, each made to break one rule.
enum SmallRepository {
    /// A manifest with one module in each place.
    static let manifest = """
        let package = Package(targets: [
            // MARK: Layer 0 — words
            .target(name: "Words"),
            // MARK: Layer 1 — models
            .target(name: "Models", dependencies: ["Words"]),
            .target(name: "Devices", dependencies: ["Models"]),
            // MARK: Layer 3 — Linux
            .target(name: "CKernel"),
            .target(name: "Kernel", dependencies: ["CKernel"]),
            // MARK: Layer 5 — programs
            .executableTarget(
                name: "program",
                dependencies: ["Devices", .product(name: "Logging", package: "swift-log")]
            ),
            // MARK: Tools
            .target(name: "Rules", path: "Tools/Rules"),
            // MARK: Tests
            .testTarget(name: "ModelsTests", dependencies: ["Models"]),
        ])
        """

    /// The findings, as `path:line: rule`, in a repository with that manifest and these files
    /// besides one innocent file for each module.
    static func findings(
        _ rule: TidyRule, _ files: [String: String], manifest: String = manifest
    ) -> [String] {
        var texts = [
            "Package.swift": manifest,
            "Sources/Words/Word.swift": "struct Word {}\n",
            "Sources/Models/Model.swift": "import Words\n",
            "Sources/Devices/Device.swift": "import Models\n",
            "Sources/CKernel/include/kernel.h": "int kernel(void);\n",
            "Sources/Kernel/Kernel.swift": "import CKernel\n",
            "Sources/program/main.swift": "import Devices\nimport Logging\nprint(1)\n",
            "Tools/Rules/Rule.swift": "import Foundation\n",
            "Tests/ModelsTests/ModelTests.swift": "import Models\nimport Testing\n",
            "ARCHITECTURE.md": "Words Models Devices CKernel Kernel program Rules\n",
        ]
        texts.merge(files) { $1 }
        return findings(rule, in: Repository(texts))
    }

    /// The findings of a repository, as `path:line: rule`.
    static func findings(_ rule: TidyRule, in repository: Repository) -> [String] {
        Report(on: repository).findings(of: rule).map {
            "\($0.path):\($0.line): \($0.rule.rawValue)"
        }
    }
}
