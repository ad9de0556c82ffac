import Testing

/// The code in the guide for authors is the example's, character by character.
@Suite struct GuideTests {
    private static let example = [
        "Package.swift", "Sources/Chime/Chime.swift", "Sources/Chime/ChimeRegister.swift",
        "Sources/first-device/FirstDevice.swift", "Sources/first-device/SelfCheck.swift",
        "Tests/ChimeTests/ChimeTests.swift",
    ]

    @Test func everyPieceOfCodeInTheGuideIsAPieceOfTheExample() throws {
        let pieces = try Repository.fences(in: "docs/guides/write-your-first-device.md", "swift")
        let files = try Self.example.map { try Repository.text(of: "Examples/first-device/\($0)") }
        #expect(pieces.count > 10)
        for piece in pieces {
            #expect(files.contains { $0.contains(piece) }, "only in the guide:\n\(piece)")
        }
    }

    @Test func theRunInTheGuidePrintsWhatTheExamplePrints() throws {
        let expected = try Repository.text(of: "Examples/first-device/expected.txt")
        let guide = try Repository.text(of: "docs/guides/write-your-first-device.md")
        #expect(guide.contains("\n" + expected + "```\n"))
    }
}
