import Foundation
import LabSupport
import Testing

@Suite struct LabTests {
    @Test func `A directory without a lab is absent, and the reason says what to do`() {
        let error = #expect(throws: LabError.self) {
            try Lab(environment: ["CARILLON_LAB": "/nonexistent"])
        }
        #expect(error?.description == "lab: absent at /nonexistent: run `make lab`")
    }

    @Test func `The set-up script writes the layout that is looked for`() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../lab/setup.sh").standardized
        let text = try String(contentsOf: script, encoding: .utf8)
        #expect(text.contains("\nLAYOUT=\(Lab.layout) "))
    }

    @Test func `A guest's lines are found between everything else it prints`() {
        let report = GuestReport(
            serial: """
                [    0.1] CARILLON not ours
                CARILLON kernel 6.1\r
                CARILLON interrupts.after irq=24 chip=IO-APIC line=20-fasteoi count=7 name=virtio0
                CARILLON irqs vector=0 count=1
                CARILLON done 0

                """, diagnostics: "", qemuStatus: 0)
        #expect(report.lines.map(\.key) == ["kernel", "interrupts.after", "irqs", "done"])
        #expect(report["kernel"] == "6.1")
        #expect(report.interruptCount("virtio0", "after") == 7)
        #expect(report.interruptCount("virtio0", "before") == nil)
        #expect(report.all("irqs").first?.field("vector") == "0")
        #expect(report.isDone)
    }

    @Test func `A guest that ended any other way is not done`() {
        let line = "CARILLON done 0\n"
        #expect(!GuestReport(serial: line, diagnostics: "", qemuStatus: 1).isDone)
        #expect(!GuestReport(serial: "", diagnostics: "", qemuStatus: 0).isDone)
    }

    @Test(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
    func `The lab's lspci decodes a dump of configuration space`() throws {
        let directory = try TemporaryDirectory()
        let dump = "\(directory.path)/dump"
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.replaceSubrange(0..<4, with: [0xf4, 0x1a, 0x44, 0x10])
        let rows = stride(from: 0, to: 64, by: 16).map { row in
            bytes[row..<row + 16].reduce(hex(row) + ":") { "\($0) \(hex(Int($1)))" }
        }
        let text = "00:04.0 Device\n" + rows.joined(separator: "\n") + "\n"
        try text.write(toFile: dump, atomically: false, encoding: .utf8)
        let decoded = try Lab.required().lspci(["-F", dump])
        #expect(decoded.contains("Virtio 1.0 RNG"))
    }

    private func hex(_ value: Int) -> String {
        (value < 16 ? "0" : "") + String(value, radix: 16)
    }
}
