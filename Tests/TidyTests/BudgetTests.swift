import RepositoryRules
import Testing

@Suite("The checks of sizes")
struct BudgetTests {
    private static let path = "Sources/Words/Word.swift"

    private static func findings(_ rule: TidyRule, _ text: String) -> [String] {
        SmallRepository.findings(rule, [path: text])
    }

    private static func lines(_ count: Int) -> String { String(repeating: "\n", count: count) }

    @Test("A file of more than 600 lines is found")
    func aLongFile() {
        #expect(Self.findings(.fileLength, Self.lines(600)) == [])
        #expect(Self.findings(.fileLength, Self.lines(601)) == ["\(Self.path):601: file-length"])
    }

    @Test("A file of more than 400 lines is noted, unless it is a test")
    func aLongishFile() {
        let text = Self.lines(401)
        let report = Report(on: Repository(["a.swift": text, "Tests/ATests/ATests.swift": text]))
        #expect(report.findings(of: .fileLength).isEmpty)
        #expect(report.notes.map(\.path) == ["a.swift"])
    }

    @Test("A file of more than a mebibyte is found")
    func aLargeFile() {
        let file = RepositoryFile(path: "blob", text: "", byteCount: (1 << 20) + 1)
        let findings = SmallRepository.findings(.fileSize, in: Repository(files: [file]))
        #expect(findings == ["blob:1: file-size"])
    }

    @Test(
        "A function of more than 60 lines is found",
        arguments: ["func f()", "init?(a: Int)", "var x: Int", "func g(_ f: () -> Void = {})"])
    func aLongFunction(_ head: String) {
        let fits = "struct Word {\n\(head) {\(Self.lines(59))}\n}\n"
        let exceeds = "struct Word {\n\(head) {\(Self.lines(60))}\n}\n"
        #expect(Self.findings(.functionLength, fits) == [])
        #expect(Self.findings(.functionLength, exceeds) == ["\(Self.path):2: function-length"])
    }

    @Test("Braces in strings and comments end no function")
    func bracesThatAreNone() {
        let text = "func f() { // }\nlet s = \"}\\(g(\"}\"))}\" /* } */\(Self.lines(60))}\n"
        #expect(Self.findings(.functionLength, text) == ["\(Self.path):1: function-length"])
    }

    @Test("A long closure kept in a variable is not a function")
    func aLongClosure() {
        let text = "struct Word {\nvar table = make {\(Self.lines(70))}\n}\n"
        #expect(Self.findings(.functionLength, text) == [])
    }

    @Test("A line of more than 100 columns is found")
    func aLongLine() {
        let fits = String(repeating: "ä", count: 100)
        #expect(Self.findings(.lineLength, fits) == [])
        #expect(Self.findings(.lineLength, fits + "ä") == ["\(Self.path):1: line-length"])
    }

    @Test("More than six parameters are found")
    func manyParameters() {
        let six =
            "a: A, b: [B: B], c: (c: Int, d: Int) -> Void = { (x: Int) in }, _ d: D, e: E, f: F"
        #expect(Self.findings(.parameterCount, "func f(\(six)) -> (a: A, b: B) {}\n") == [])
        #expect(
            Self.findings(.parameterCount, "protocol P {\ninit(\(six),\ng: G)\n}\n")
                == ["\(Self.path):2: parameter-count"])
    }
}
