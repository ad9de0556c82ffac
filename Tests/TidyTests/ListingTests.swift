import RepositoryRules
import Testing

@Suite("The listings")
struct ListingTests {
    @Test("The layers are listed from above, with what each module imports")
    func theLayers() {
        let repository = Repository(["Package.swift": SmallRepository.manifest])
        let lines = LayerListing.text(of: repository).split(separator: "\n")
        #expect(lines.first == "Layer 5 — programs")
        #expect(
            lines.contains { $0.hasPrefix("    program") && $0.hasSuffix("→ Devices, (Logging)") })
        #expect(lines.last?.hasPrefix("    ModelsTests") == true)
    }

    @Test("The rules are listed with their tests")
    func theRules() {
        let repository = Repository([
            "docs/specifications/a.md": "| A-1 | x |\n| A-2 | y |\n",
            "Tests/ATests/ATests.swift": "@Test(.rule(\"A-2\")) func f() {}\n",
        ])
        let text = RuleListing.text(of: repository)
        #expect(text.contains("A-2          covered      Tests/ATests/ATests.swift:1"))
        #expect(text.hasSuffix("1 covered, 1 uncovered, 0 unsupported"))
    }

    @Test("`unsafe` is counted by module")
    func unsafeIsCounted() {
        let repository = Repository([
            "Package.swift": SmallRepository.manifest,
            "Sources/Kernel/A.swift": "unsafe f()\n// unsafe\nunsafe g()\n",
            "Sources/Models/B.swift": "unsafe f()\n",
        ])
        #expect(UnsafeListing.text(of: repository) == "2\tKernel\n1\tModels\n3\ttotal")
    }
}
