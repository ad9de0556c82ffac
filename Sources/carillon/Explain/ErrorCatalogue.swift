import Foundation

/// The catalogue of errors, which the documentation shows as a page: read from the same file.
struct ErrorCatalogue {
    /// What the page says of one name.
    struct Entry: Encodable {
        let name: String
        /// The section that it stands in.
        let section: String
        /// What each column says, in the page's order.
        let remarks: [Remark]

        struct Remark: Encodable {
            let heading: String
            let text: String
        }

        var text: String {
            let body = remarks.map { "  \($0.heading): \($0.text)" }
            return ([name, "  \(section)"] + body).joined(separator: "\n")
        }
    }

    static let shared = ErrorCatalogue(
        String(decoding: PackageResources.errors_md, as: UTF8.self))

    private var entries: [String: Entry] = [:]

    /// Reads the page's tables: the first column has the names, in code marks.
    init(_ page: String) {
        var section = ""
        var headings: [String] = []
        for line in page.split(separator: "\n") {
            if line.hasPrefix("#") {
                section = line.drop { $0 == "#" || $0 == " " }.description
                headings = []
            }
            guard line.hasPrefix("| ") else { continue }
            let cells = line.split(separator: "|").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard let first = cells.first, !first.hasPrefix("---") else { continue }
            guard first.hasPrefix("`") else {
                headings = cells
                continue
            }
            let name = first.filter { $0 != "`" }
            let remarks = zip(headings, cells).dropFirst().map {
                Entry.Remark(heading: $0, text: Self.plain($1))
            }
            entries[name] = Entry(name: name, section: section, remarks: remarks)
        }
    }

    /// The entry of `name`, however its letters are written.
    subscript(name: String) -> Entry? {
        entries[name] ?? entries.first { $0.key.lowercased() == name.lowercased() }?.value
    }

    /// Names that contain `part`, in order.
    func names(like part: String) -> [String] {
        entries.keys.filter { $0.lowercased().contains(part.lowercased()) }.sorted()
    }

    /// Text without the marks of code and links.
    private static func plain(_ text: String) -> String {
        text.replacing(#/\[([^\]]*)\]\([^)]*\)/#) { "\($0.output.1)" }.filter { $0 != "`" }
    }
}
