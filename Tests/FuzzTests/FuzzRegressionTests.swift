import Foundation
import FuzzTargets
import InterruptTestSupport
import Testing

/// Every file that a fuzzer once failed on is replayed, and a few thousand inputs are made up.
@Suite(.serialized) struct FuzzRegressionTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../FuzzRegressions")

    private static func files(of target: FuzzTarget) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: target.rawValue), includingPropertiesForKeys: nil)
    }

    @Test(arguments: FuzzTarget.real)
    func everyRegressionFileIsFound(target: FuzzTarget) async throws {
        try await target.prepare()
        let files = try Self.files(of: target)
        #expect(!files.isEmpty, "each target has at least a seed")
        for file in files {
            let law = target.run(Array(try Data(contentsOf: file)))
            #expect(law == nil, "\(file.lastPathComponent)")
        }
    }

    @Test(arguments: FuzzTarget.real)
    func madeUpBytesBreakNoLaw(target: FuzzTarget) async throws {
        try await target.prepare()
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<(target == .session ? 100 : 300) {
            let count = Int.random(in: 0..<200, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let law = target.run(bytes)
            #expect(law == nil, "\(bytes)")
        }
    }

    @Test func theCanaryIsADefect() {
        #expect(FuzzTarget.canary.run(Array("singing".utf8)) != nil)
        #expect(FuzzTarget.canary.run(Array("silence".utf8)) == nil)
    }
}
