import RepositoryRules
import Testing

@Suite("The checks of documents and specifications")
struct DocumentTests {
    private static let table = """
        | rule | text | status |
        | --- | --- | --- |
        | WORD-1 | A word is short. | supported |
        | WORD-2 | A word has a sound. | unsupported |
        """
    private static let tablePath = "docs/specifications/words.md"
    private static let testPath = "Tests/ModelsTests/ModelTests.swift"

    @Test("A link to nowhere is found")
    func aLinkToNowhere() {
        let text = "[a](other.md) [b](../README.md#x) [c](#d) `[e](f)`\n[g](gone.md)\n"
        let files = ["docs/a.md": text, "docs/other.md": "", "README.md": ""]
        #expect(SmallRepository.findings(.brokenLink, files) == ["docs/a.md:2: broken-link"])
    }

    @Test("A link out of the repository is found")
    func aLinkOut() {
        let files = ["README.md": "[a](../secret.md)\n"]
        #expect(SmallRepository.findings(.brokenLink, files) == ["README.md:1: broken-link"])
    }

    @Test("A path that no longer exists is found")
    func aPathThatIsGone() {
        let text =
            "`Sources/Words/Word.swift:12` `Sources/Words/` `Sources/<Module>/` `docs/*.md`\n"
            + "`Sources/Gone/`\n"
        #expect(SmallRepository.findings(.missingPath, ["a.md": text]) == ["a.md:2: missing-path"])
    }

    @Test("A target that the Makefile lacks is found, in spans and in fences")
    func aMissingTarget() {
        let text = "make sure that `make test NAME=x` works\n`make fly`\n```\n$ make swim\n```\n"
        let files = ["a.md": text, "Makefile": "test lint:\n\techo\n"]
        let findings = SmallRepository.findings(.missingMakeTarget, files)
        #expect(findings == ["a.md:2: missing-make-target", "a.md:4: missing-make-target"])
    }

    @Test("A module that the architecture page does not name is found")
    func anUnnamedModule() {
        let files = ["ARCHITECTURE.md": "Words Models Devices CKernel Kernel program\n"]
        let findings = SmallRepository.findings(.unnamedModule, files)
        #expect(findings == ["Package.swift:16: unnamed-module"])
    }

    @Test("A rule number that is used twice is found")
    func aRepeatedNumber() {
        let files = [
            Self.tablePath: Self.table, "docs/specifications/z.md": "| WORD-1 | again |\n",
        ]
        let findings = SmallRepository.findings(.repeatedRuleNumber, files)
        #expect(findings == ["docs/specifications/z.md:1: repeated-rule-number"])
    }

    @Test("A rule without a test is found, unless it is unsupported")
    func aRuleWithoutATest() {
        let findings = SmallRepository.findings(.untestedRule, [Self.tablePath: Self.table])
        #expect(findings == ["\(Self.tablePath):3: untested-rule"])
    }

    @Test(
        "A trait of a test or a suite covers its rules",
        arguments: [
            "@Test(.rule(\"WORD-1\")) func f() {}", "@Suite(\"s\", .rules(\"WORD-2\", \"WORD-1\"))",
            "@Test(\n\"s (\", .rule(\"WORD-2, WORD-1\"))",
        ])
    func aTraitCovers(_ line: String) {
        let files = [Self.tablePath: Self.table, Self.testPath: "import Models\n\(line)\n"]
        #expect(SmallRepository.findings(.untestedRule, files) == [])
        #expect(SmallRepository.findings(.unknownRule, files) == [])
    }

    @Test(
        "A trait elsewhere covers nothing",
        arguments: ["// @Test(.rule(\"WORD-1\"))", "let x = f(.rule(\"WORD-1\"))"])
    func aTraitElsewhere(_ line: String) {
        let files = [Self.tablePath: Self.table, Self.testPath: "import Models\n\(line)\n"]
        #expect(SmallRepository.findings(.untestedRule, files).count == 1)
    }

    @Test("A test that claims an unknown rule is found, and a scenario is not a rule")
    func anUnknownRule() {
        let text = "import Models\n@Test(.rule(\"WORD-9\"), .scenario(\"WORD-1\")) func f() {}\n"
        let files = [Self.tablePath: Self.table, Self.testPath: text]
        let findings = SmallRepository.findings(.unknownRule, files)
        #expect(findings == Array(repeating: "\(Self.testPath):2: unknown-rule", count: 2))
    }

    @Test("A scenario without a test is found")
    func aScenarioWithoutATest() {
        let path = "docs/specifications/scenarios.md"
        let table =
            "| scenario | expected | status |\n| T-X01 | a | required |\n| T-R1 | b | required |\n"
        let text = "import Models\n@Test(.scenario(\"T-R1\")) func f() {}\n"
        let files = [path: table, Self.testPath: text]
        #expect(SmallRepository.findings(.untestedRule, files) == ["\(path):2: untested-rule"])
    }
}
