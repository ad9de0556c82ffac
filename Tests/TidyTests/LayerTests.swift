import RepositoryRules
import Testing

@Suite("The checks of modules and layers")
struct LayerTests {
    @Test("A small repository without faults has no findings", arguments: TidyRule.allCases)
    func noFaultsNoFindings(_ rule: TidyRule) {
        #expect(SmallRepository.findings(rule, [:]) == [])
    }

    @Test("A module without a layer is found")
    func aModuleWithoutALayer() {
        let manifest = "[.target(name: \"Words\")]"
        let repository = Repository([
            "Package.swift": manifest, "Sources/Words/Word.swift": "", "ARCHITECTURE.md": "Words",
        ])
        #expect(
            SmallRepository.findings(.manifest, in: repository) == ["Package.swift:1: manifest"])
    }

    @Test("A source outside every target is found")
    func aStraySource() {
        let findings = SmallRepository.findings(.manifest, ["Sources/Lost/Lost.swift": ""])
        #expect(findings == ["Sources/Lost/Lost.swift:1: manifest"])
    }

    @Test("A product that is not among the agreed ones is found")
    func anUnknownProduct() {
        let manifest = """
            // MARK: Layer 0 — words
            .target(name: "Words", dependencies: [.product(name: "Surprise", package: "s")])
            """
        let findings = SmallRepository.findings(.manifest, [:], manifest: manifest)
        #expect(findings.contains("Package.swift:2: manifest"))
    }

    @Test("An import of a higher layer is found, even when the manifest declares it")
    func anUpwardImport() {
        let manifest = SmallRepository.manifest.replacing(
            ".target(name: \"Words\")", with: ".target(name: \"Words\", dependencies: [\"Kernel\"])"
        )
        let files = ["Sources/Words/Word.swift": "import struct Kernel.File\n"]
        let findings = SmallRepository.findings(.importUpward, files, manifest: manifest)
        #expect(findings == ["Sources/Words/Word.swift:1: import-upward"])
    }

    @Test(
        "An import that the manifest does not declare is found",
        arguments: [
            "import Words", "public import Words", "@preconcurrency import Words",
            "import struct Words.Word", "import Surprise", "import Testing",
        ])
    func anUndeclaredImport(_ statement: String) {
        let files = ["Sources/Devices/Device.swift": "import Models\n\(statement)\n"]
        let findings = SmallRepository.findings(.importUndeclared, files)
        #expect(findings == ["Sources/Devices/Device.swift:2: import-undeclared"])
    }

    @Test("An import in a comment or a string is none")
    func noImport() {
        let text = "import Models\n// import Words\nlet x = \"\"\"\nimport Words\n\"\"\"\n"
        #expect(
            SmallRepository.findings(.importUndeclared, ["Sources/Devices/Device.swift": text])
                == [])
    }

    @Test("A dependency that is never imported is found")
    func anUnusedDependency() {
        let files = ["Sources/program/main.swift": "import Devices\n"]
        #expect(
            SmallRepository.findings(.importUnused, files) == ["Package.swift:11: import-unused"])
    }

    @Test("Modules that depend on each other in a circle are found")
    func aCircle() {
        let manifest = SmallRepository.manifest.replacing(
            "name: \"Models\", dependencies: [\"Words\"]",
            with: "name: \"Models\", dependencies: [\"Words\", \"Devices\"]")
        let findings = SmallRepository.findings(.importCycle, [:], manifest: manifest)
        #expect(findings == ["Package.swift:5: import-cycle", "Package.swift:6: import-cycle"])
    }

    @Test("Foundation in a layer is found")
    func foundationInALayer() {
        let files = ["Sources/Words/Word.swift": "import Foundation\n"]
        let findings = SmallRepository.findings(.importFoundation, files)
        #expect(findings == ["Sources/Words/Word.swift:1: import-foundation"])
    }

    @Test("C outside the Linux boundary is found", arguments: ["Glibc", "CKernel"])
    func cOutsideTheBoundary(_ module: String) {
        let files = ["Sources/program/main.swift": "import Devices\nimport \(module)\n"]
        let findings = SmallRepository.findings(.importC, files)
        #expect(findings.contains("Sources/program/main.swift:2: import-c"))
    }

    @Test("`unsafe` outside its places is found, with or without a reason")
    func unsafeOutsideItsPlaces() {
        let files = ["Sources/Models/Model.swift": "import Words\n// SAFETY: so.\nunsafe f()\n"]
        let findings = SmallRepository.findings(.unsafePlace, files)
        #expect(findings == ["Sources/Models/Model.swift:3: unsafe-place"])
    }

    @Test("The tests of a module of the Linux boundary may say `unsafe`, other tests may not")
    func unsafeInTests() {
        let manifest = SmallRepository.manifest.replacing(
            "// MARK: Tests", with: "// MARK: Tests\n.testTarget(name: \"KernelTests\"),")
        let files = [
            "Tests/KernelTests/KernelTests.swift": "// SAFETY: so.\nunsafe f()\n",
            "Tests/ModelsTests/ModelTests.swift": "import Models\n// SAFETY: so.\nunsafe f()\n",
        ]
        let findings = SmallRepository.findings(.unsafePlace, files, manifest: manifest)
        #expect(findings == ["Tests/ModelsTests/ModelTests.swift:3: unsafe-place"])
    }

    @Test("Names that only contain the word are not `unsafe`")
    func namesThatContainTheWord() {
        let text = "import Words\nfunc f(_ unsafely: UnsafeRawPointer) {} // unsafe\n"
        #expect(SmallRepository.findings(.unsafePlace, ["Sources/Models/Model.swift": text]) == [])
    }

    @Test("`unsafe` needs a reason within six lines, or above the declaration around it")
    func unsafeNeedsAReason() {
        func findings(_ text: String) -> [String] {
            let files = ["Sources/Kernel/Kernel.swift": "import CKernel\n" + text]
            return SmallRepository.findings(.unsafeReason, files)
        }
        let blank = String(repeating: "\n", count: 6)
        #expect(findings("// SAFETY: so.\n" + blank.dropLast() + "unsafe f()\n") == [])
        #expect(findings("// SAFETY: so.\n" + blank + "unsafe f()\n").count == 1)
        #expect(findings("// SAFETY: so.\n@inlinable\nfunc g() {\n\(blank)unsafe f()\n}\n") == [])
        #expect(
            findings("// SAFETY: so.\nfunc g() {\n}\n\(blank)\nfunc h() {\nunsafe f()\n}\n").count
                == 1)
    }
}
