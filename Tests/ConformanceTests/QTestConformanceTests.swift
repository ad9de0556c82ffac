import Foundation
import InterruptTestSupport
import LabSupport
import TestTraits
import Testing

/// QEMU's own functions are put to the same rules. Each difference is named here by the rule whose
/// row explains our choice; one that is not named fails, and so does one that no longer occurs.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestConformanceTests {
    /// Differences of QEMU's MSI-X, by rule. Each rule's row in msix.md says why we differ.
    private static let ivshmem: Set<String> = [
        "MSIX-12", "MSIX-17", "MSIX-19", "MSIX-20", "MSIX-27", "MSIX-29",
    ]
    /// Differences of QEMU's MSI without a mask, and of its pin.
    private static let edu: Set<String> = ["MSI-16", "MSI-19", "MSI-20", "INTX-15"]
    /// Differences of QEMU's maskable MSI.
    private static let rootPort: Set<String> = [
        "MSI-16", "MSI-17", "MSI-19", "MSI-20", "INTX-6", "INTX-15",
    ]

    @Test func `MSI-X of the doorbell device`() throws {
        let results = try ConformanceResults.of(try IvshmemSubject())
        #expect(Set(results.differences) == Self.ivshmem, "\(results.outcomes)")
    }

    @Test func `MSI and the pin of the educational device`() throws {
        let results = try ConformanceResults.of(try EduSubject())
        #expect(Set(results.differences) == Self.edu, "\(results.outcomes)")
    }

    @Test func `Maskable MSI of the root port`() throws {
        let results = try ConformanceResults.of(try RootPortSubject())
        #expect(Set(results.differences) == Self.rootPort, "\(results.outcomes)")
    }

    /// The committed report is what the suite finds today. CARILLON_WRITE_REPORT=1 writes it anew.
    @Test func `The report is up to date`() throws {
        let table = ConformanceResults.table([
            try .of(try TesterSubject.everything()), try .of(try IvshmemSubject()),
            try .of(try EduSubject()), try .of(try RootPortSubject()),
        ])
        let page = ConformanceTests.pageURL("conformance")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        let marker = "<!-- the report -->\n\n"
        let introduction = text.components(separatedBy: marker).first ?? ""
        let current = introduction + marker + table
        if ProcessInfo.processInfo.environment["CARILLON_WRITE_REPORT"] == "1" {
            try current.write(to: page, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: page, encoding: .utf8) == current)
    }
}
