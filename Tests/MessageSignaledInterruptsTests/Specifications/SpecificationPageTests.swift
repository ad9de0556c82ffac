import Foundation
import MessageSignaledInterrupts
import Registers
import TestTraits
import Testing

/// The pages of rules say what the code says, and every rule of theirs has a test.
struct SpecificationPageTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let layouts =
        [
            MSIXCapability.messageControl(tableSize: 2048),
            MSIXCapability.placement(
                "Table Offset/Table BIR", bar: 0, offset: 0, "PCIe 6.0 §7.7.2.3"),
            MSIXCapability.placement("PBA Offset/PBA BIR", bar: 0, offset: 0, "PCIe 6.0 §7.7.2.4"),
        ] + MSIXTableEntry.registers

    private static let messageLayouts =
        MSILayout(messages: 32, hasExtendedData: true)
        .map { MSICapability.registers($0).map(\.register) } ?? []

    @Test(
        arguments: layouts.map { ("msix", $0) } + messageLayouts.map { ("msi", $0) }
            + IMSSlotRegisters.all.map { ("ims", $0) })
    func thePageShowsTheLayoutAsItIs(name: String, layout: RegisterLayout) throws {
        let page = try Self.page(name)
        #expect(page.contains("### \(layout.name)\n\n\(layout.markdownTable)\n\n"))
    }

    @Test func thePageOfMSIShowsAllSevenRegisters() {
        #expect(Self.messageLayouts.count == 7)
    }

    @Test(
        arguments: [
            ("msix", "MSIX", 43), ("msi", "MSI", 32), ("intx", "INTX", 20), ("ims", "IMS", 23),
            ("vectors", "VEC", 15), ("domains", "DOM", 20), ("backings", "BACK", 9),
            ("rate-limits", "RATE", 5), ("slices", "SLICE", 15), ("virtio-blk", "BLK", 13),
            ("virtio-console", "CON", 6), ("dsa", "DSA", 21),
            ("trace", "TRACE", 4),
        ])
    func rulesAreNumberedWithoutGapsAndHaveAStatus(page: String, prefix: String, count: Int) throws
    {
        let rows = try Self.rules(of: page, prefix)
        #expect(rows.map { $0[0] } == (1...count).map { "\(prefix)-\($0)" })
        for row in rows {
            #expect(row.count == 4, "\(row[0])")
            #expect(["specified", "declared", "unsupported"].contains(row.last), "\(row[0])")
        }
    }

    @Test(arguments: [
        ("msix", "MSIX"), ("msi", "MSI"), ("intx", "INTX"), ("ims", "IMS"), ("vectors", "VEC"),
        ("domains", "DOM"), ("trace", "TRACE"),
    ])
    func everyRuleHasATest(page: String, prefix: String) throws {
        let tests = try Self.testSources()
        for row in try Self.rules(of: page, prefix) {
            #expect(tests.contains("\"\(row[0])\""), "\(row[0]) has no test")
        }
    }

    private static func page(_ name: String) throws -> String {
        try String(
            contentsOf: root.appending(path: "docs/specifications/\(name).md"), encoding: .utf8)
    }

    /// The cells of every row of the page that begins with a rule's number.
    private static func rules(of page: String, _ prefix: String) throws -> [[String]] {
        try Self.page(page).split(separator: "\n")
            .filter { $0.hasPrefix("| \(prefix)-") }
            .map { row in
                row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    /// The text of every line in which a test names rules.
    private static func testSources() throws -> String {
        let folder = root.appending(path: "Tests")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        var lines = ""
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for line in text.split(separator: "\n") where line.contains(".rule") {
                lines += line + "\n"
            }
        }
        return lines
    }
}
