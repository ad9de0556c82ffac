/// A rule or scenario that a test claims with a trait.
package struct TestReference: Sendable, Equatable {
    package let number: String
    package let path: String
    package let line: Int
    package let isScenario: Bool

    private static let attributes = ["@Test(", "@Suite("].map { Needle(anywhere: $0) }
    private static let ruleTraits = [".rule(", ".rules("].map { Needle(anywhere: $0) }
    private static let scenarioTraits = [".scenario(", ".scenarios("].map { Needle(anywhere: $0) }

    /// The references in the attributes of all tests, in the order of files and lines.
    package static func all(in repository: Repository) -> [TestReference] {
        repository.files.filter { $0.isTest && $0.swift != nil }.flatMap(references)
    }

    private static func references(in file: RepositoryFile) -> [TestReference] {
        guard let text = file.swift else { return [] }
        return attributes.flatMap { attribute in
            calls(of: attribute, in: text, 0..<text.code.count).flatMap { arguments in
                references(ruleTraits, isScenario: false, file.path, text, arguments)
                    + references(scenarioTraits, isScenario: true, file.path, text, arguments)
            }
        }
    }

    private static func references(
        _ traits: [Needle], isScenario: Bool, _ path: String, _ text: SwiftText, _ range: Range<Int>
    ) -> [TestReference] {
        traits.flatMap { calls(of: $0, in: text, range) }
            .flatMap { text.literals(in: $0) }
            .flatMap { literal in
                literal.text.split { $0 == "," || $0 == " " }.map {
                    TestReference(
                        number: String($0), path: path, line: text.line(at: literal.offset),
                        isScenario: isScenario)
                }
            }
    }

    /// The argument lists of the calls that begin with `needle`, which ends with a parenthesis.
    private static func calls(
        of needle: Needle, in text: SwiftText, _ range: Range<Int>
    ) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var position = range.lowerBound
        while let offset = needle.offset(in: text.code, from: position),
            offset < range.upperBound
        {
            position = offset + needle.text.utf8.count
            found.append(position..<text.end(ofBracketAt: position - 1))
        }
        return found
    }
}
