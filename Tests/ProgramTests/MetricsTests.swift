import Foundation
import LabSupport
import PlatformTypes
import ProgramSupport
import TestTraits
import Testing
import VFIOUserClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A server that is scraped and looked at while a client uses its device.
@Suite(.endsWhenHung) struct MetricsTests: ~Copyable {
    private let folder: URL
    private let server: SpawnedProcess
    private let url: URL

    init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-metrics-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let errors = Pipe()
        let server = try CarillonProgram.start(
            [
                "serve", "virtio-rng", "--metrics", "0", "--remapping-entries", "8", "--socket",
                folder.appendingPathComponent("a").path,
            ], output: Pipe(), errors: errors)
        var log = ""
        while !log.contains("scrapes are answered") {
            let data = errors.fileHandleForReading.availableData
            if data.isEmpty { break }
            log += String(decoding: data, as: UTF8.self)
        }
        let word = log.split { $0.isWhitespace }.first { $0.hasPrefix("url=") }
        let url = word.flatMap { URL(string: String($0.dropFirst(4))) }
        #expect(url != nil, "\(log)")
        self.folder = folder
        self.server = server
        self.url = url ?? folder
    }

    deinit {
        server.terminate()
        server.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    private func client() throws -> (VFIOUserClient, VirtioGuestDriver) {
        let client = try VFIOUserClient(
            path: folder.appendingPathComponent("a").path,
            timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        try client.map(ram)
        return (client, try VirtioGuestDriver(client, ram: ram))
    }

    private func verb(_ words: [String]) throws -> CarillonProgram.Outcome {
        try CarillonProgram.run(
            words,
            environment: ["CARILLON_CONTROL": folder.appendingPathComponent("a").path])
    }

    /// Reads the text form of Prometheus strictly: each family has a help and a type before its
    /// samples, and no sample comes twice.
    private static func samples(_ text: String) throws -> [String: Double] {
        var families: Set<Substring> = []
        var samples: [String: Double] = [:]
        var open: Substring = ""
        let name = #/[a-z_]+/#
        let label = #/[a-z]+="(?:[^"\\]|\\.)*"/#
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if let help = try #/^# HELP ([a-z_]+) \S.*\.$/#.wholeMatch(in: line) {
                #expect(families.insert(help.1).inserted, "\(line)")
                open = ""
            } else if let type = try #/^# TYPE ([a-z_]+) (gauge|counter)$/#.wholeMatch(in: line) {
                #expect(families.contains(type.1), "\(line)")
                #expect(type.1.hasSuffix("_total") == (type.2 == "counter"), "\(line)")
                open = type.1
            } else {
                let brace = try #require(line.firstIndex(of: "{"), "\(line)")
                let end = try #require(line.lastIndex(of: "}"), "\(line)")
                #expect(line[..<brace] == open)
                #expect(try name.wholeMatch(in: line[..<brace]) != nil)
                for pair in line[line.index(after: brace)..<end].split(separator: ",") {
                    #expect(try label.wholeMatch(in: pair) != nil, "\(line)")
                }
                let number = String(line[line.index(end, offsetBy: 2)...])
                let key = String(line[...end])
                #expect(samples[key] == nil, "\(line)")
                let value: Double = try #require(Double(number), "\(line)")
                samples[key] = value
            }
        }
        return samples
    }

    private func scrape() async throws -> (HTTPURLResponse, [String: Double]) {
        let (data, response) = try await URLSession.shared.data(from: url)
        return (
            try #require(response as? HTTPURLResponse),
            try Self.samples(String(decoding: data, as: UTF8.self))
        )
    }

    @Test func aScrapeTellsWhatTheVerbsTell() async throws {
        let (client, driver) = try client()
        for _ in 0..<5 { #expect(try driver.request(32).count == 32) }
        let (response, samples) = try await scrape()
        #expect(response.statusCode == 200)
        #expect(
            response.value(forHTTPHeaderField: "Content-Type")?.hasPrefix(
                "text/plain; version=0.0.4")
                == true)
        #expect(samples[#"carillon_parent_vectors{parent="parent"}"#] == 2)
        #expect(samples[#"carillon_parent_vectors_held{parent="parent"}"#] == 2)
        #expect(samples[#"carillon_parent_vectors_available{parent="parent"}"#] == 0)
        #expect(
            samples[#"carillon_domain_entries_used{parent="parent",domain="remapping"}"#] == 2)
        #expect(samples[#"carillon_device_connected{device="virtio-rng"}"#] == 1)
        #expect(samples[#"carillon_device_books_balanced{device="virtio-rng"}"#] == 1)
        let queue = #"{device="virtio-rng",interrupt="msix 1"}"#
        #expect(samples["carillon_interrupt_sent_total" + queue] == 5)
        #expect(samples["carillon_interrupt_raised_total" + queue] == 5)
        #expect(
            samples.keys.contains {
                $0.hasPrefix("carillon_interrupt_discarded_total") && $0.contains("withdrawn")
            })
        client.disconnect()
    }

    @Test func anythingElseIsNotFoundAndThePortIsNotSharedWithAnother() async throws {
        let other = try #require(URL(string: "/nothing", relativeTo: url))
        let (_, response) = try await URLSession.shared.data(from: other)
        #expect((response as? HTTPURLResponse)?.statusCode == 404)
        let second = try CarillonProgram.run([
            "serve", "virtio-rng", "--metrics", "\(url.port ?? 0)", "--socket",
            folder.appendingPathComponent("b").path,
        ])
        #expect(second.status == 1)
        #expect(second.errors.contains("cannot be listened on"))
    }

    @Test func topShowsRatesOfWhatHappens() throws {
        let (client, driver) = try client()
        for _ in 0..<3 { #expect(try driver.request(32).count == 32) }
        let table = try verb(["top", "--count", "1", "--interval", "0.05"])
        #expect(table.status == 0)
        #expect(table.output.contains("parent: 2 of 2 vectors held"))
        #expect(table.output.contains("virtio-rng  msix 1     0         0"))
        #expect(!table.output.contains("\u{1B}"))
        let lines = try verb(["top", "--count", "2", "--interval", "0.05", "--json"])
        let documents = try lines.output.split(separator: "\n").map {
            try JSONDecoder().decode(Table.self, from: Data($0.utf8))
        }
        #expect(documents.count == 2)
        #expect(documents.allSatisfy { $0.rows.map(\.interrupt) == ["msix 1"] && $0.seconds > 0 })
        client.disconnect()
    }

    private struct Table: Decodable {
        struct Row: Decodable { let interrupt: String }
        let rows: [Row]
        let seconds: Double
    }
}
