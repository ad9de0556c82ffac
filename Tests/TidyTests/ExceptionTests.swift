import RepositoryRules
import Testing

@Suite("The exception list")
struct ExceptionTests {
    private static let list = "Tools/tidy-exceptions.txt"
    private static let path = "Sources/Words/Word.swift"

    @Test("It sets one rule aside for one file")
    func itSetsOneRuleAside() {
        let files = [
            Self.list: "# comment\n\n\(Self.path) banned-word the word is the subject\n",
            Self.path: "let mock = 1\n", "Sources/Words/Other.swift": "let mock = 1\n",
        ]
        let findings = SmallRepository.findings(.bannedWord, files)
        #expect(findings == ["Sources/Words/Other.swift:1: banned-word"])
        #expect(SmallRepository.findings(.exceptionList, files) == [])
    }

    @Test(
        "A line that is not needed, not understood or without a reason is found",
        arguments: ["\(path) banned-word gone", "\(path) no-such-rule why", "\(path) banned-word"])
    func aUselessLine(_ line: String) {
        let findings = SmallRepository.findings(.exceptionList, [Self.list: "\n\(line)\n"])
        #expect(findings == ["\(Self.list):2: exception-list"])
    }

    @Test("A finding reads as path, line, rule, text and replacement")
    func aFindingReads() {
        let repository = Repository(["a.swift": "let x = y as! Int\n"])
        #expect(
            Report.text(of: Report(on: repository).findings)
                == "a.swift:1: banned-word: `as!` — use `as?` and handle nil")
    }
}
