import RepositoryRules
import Testing

@Suite("The checks of names and words")
struct NameTests {
    private static let path = "Sources/Words/Word.swift"

    @Test(
        "A type named after nothing is found",
        arguments: ["StringUtils", "WordHelper", "CommonWords", "WordManager", "Extras"])
    func aTypeNamedAfterNothing(_ name: String) {
        let text = "public final class \(name) {}\n"
        let findings = SmallRepository.findings(.bannedName, [Self.path: text])
        #expect(findings == ["\(Self.path):1: banned-name"])
    }

    @Test("A file named after nothing is found")
    func aFileNamedAfterNothing() {
        let path = "Sources/Words/WordHelpers.swift"
        #expect(SmallRepository.findings(.bannedName, [path: ""]) == ["\(path):1: banned-name"])
    }

    @Test("A word that only begins like a banned one is allowed")
    func aWordThatBeginsAlike() {
        let text = "struct Managerial {}\nstruct Commonplace {}\n"
        #expect(SmallRepository.findings(.bannedName, [Self.path: text]) == [])
    }

    @Test(
        "A banned word is found in code and comments",
        arguments: [
            "// TODO: later", "/* FIXME */", "let mock = 1", "@testable import Models",
            "let x = try! f()", "let x = y as! Int", "fatalError(\"no\")",
        ])
    func aBannedWord(_ line: String) {
        let findings = SmallRepository.findings(.bannedWord, [Self.path: "\n\(line)\n"])
        #expect(findings == ["\(Self.path):2: banned-word"])
    }

    @Test("A banned word is found in every line of a script")
    func aBannedWordInAScript() {
        let findings = SmallRepository.findings(.bannedWord, ["lab/run.sh": "echo TODO\n"])
        #expect(findings == ["lab/run.sh:1: banned-word"])
    }

    @Test("Longer words and strings are not banned")
    func longerWords() {
        let text = "let mocking = \"TODO\" // hammock, retry!\nlet x = try? f()\n"
        #expect(SmallRepository.findings(.bannedWord, [Self.path: text]) == [])
    }

    @Test(
        "A test that sleeps is found",
        arguments: ["usleep(1)", "sleep(1)", "try await Task.sleep(for: .seconds(1))"])
    func aTestThatSleeps(_ line: String) {
        let path = "Tests/ModelsTests/ModelTests.swift"
        let text = "import Models\n\(line)\n"
        #expect(
            SmallRepository.findings(.sleepInTest, [path: text]) == ["\(path):2: sleep-in-test"])
    }

    @Test("A library that prints is found; a program and a method of that name are not")
    func aLibraryThatPrints() {
        func findings(_ line: String) -> [String] {
            SmallRepository.findings(.printInLibrary, [Self.path: line])
        }
        #expect(findings("print(1)\n") == ["\(Self.path):1: print-in-library"])
        #expect(findings("func print() {}\nprinter.print(1)\nfingerprint(1)\n") == [])
    }

    @Test("A promise that the compiler does not check is found outside the Linux boundary")
    func anUncheckedPromise() {
        let text = "final class Word: @unchecked Sendable {}\n"
        let findings = SmallRepository.findings(.uncheckedSendable, [Self.path: text])
        #expect(findings == ["\(Self.path):1: unchecked-sendable"])
        let kernel = "import CKernel\n" + text
        #expect(
            SmallRepository.findings(.uncheckedSendable, ["Sources/Kernel/Kernel.swift": kernel])
                == [])
    }

    @Test("A path of a machine is found", arguments: ["home", "root", "Users"])
    func aPathOfAMachine(_ folder: String) {
        let text = "cd /\(folder)/x\n"
        let findings = SmallRepository.findings(.machinePath, ["lab/run.sh": text])
        #expect(findings == ["lab/run.sh:1: machine-path"])
        let relative = "cd $D/\(folder)/x\ncd initramfs/\(folder)/\n"
        #expect(SmallRepository.findings(.machinePath, ["lab/run.sh": relative]) == [])
    }

    @Test(
        "A host that the repository may not depend on is found",
        arguments: ["ftp.debian.org", "pypi.org/simple", "files.pythonhosted.org"])
    func aHost(_ host: String) {
        for address in ["https://\(host)", host] {
            let findings = SmallRepository.findings(.hostName, ["lab/run.sh": "get \(address)\n"])
            #expect(findings.contains("lab/run.sh:1: host-name"), "\(address)")
        }
    }

    @Test("A specification may be cited in a document, not in source")
    func aCitation() {
        let text = "https://docs.kernel.org/driver-api/vfio.html\n"
        #expect(SmallRepository.findings(.hostName, ["docs/a.md": text]) == [])
        #expect(SmallRepository.findings(.hostName, [Self.path: text]).count == 1)
    }

    @Test("A package that the manifest depends on may be named")
    func aPackage() {
        let text = "https://github.com/apple/swift-log http://localhost:8080\n"
        #expect(SmallRepository.findings(.hostName, ["Makefile": text]) == [])
    }
}
