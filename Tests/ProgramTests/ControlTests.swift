import Foundation
import LabSupport
import LinuxKernel
import PlatformTypes
import ProgramSupport
import Registers
import TestTraits
import Testing
import VFIOUserClient

/// The control socket of a running server, asked by the verbs and by whoever else connects.
@Suite(.endsWhenHung) struct ControlTests: ~Copyable {
    private let folder: URL
    private let server: SpawnedProcess

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-control-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let errors = Pipe()
        server = try CarillonProgram.start(
            [
                "serve", "virtio-rng", "--vectors", "3", "--overcommit", "--guarantee", "1",
                "--socket", folder.appendingPathComponent("a").path,
                "--socket", folder.appendingPathComponent("b").path,
            ], output: Pipe(), errors: errors)
        var log = ""
        while !log.contains("verbs are answered") {
            let data = errors.fileHandleForReading.availableData
            if data.isEmpty { break }
            log += String(decoding: data, as: UTF8.self)
        }
        #expect(log.contains("verbs are answered"))
    }

    deinit {
        server.terminate()
        server.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    private var control: String { folder.appendingPathComponent("a.control").path }

    private func verb(_ words: String...) throws -> CarillonProgram.Outcome {
        try CarillonProgram.run(words, environment: ["CARILLON_CONTROL": control])
    }

    /// Says `bytes` on the control socket, and returns all that comes back.
    private func say(_ bytes: String, hangsUp: Bool = false) throws -> String {
        let stream = try UnixStream.connect(path: control)
        try stream.setReceiveTimeout(milliseconds: 20_000)
        _ = stream.send(Array(bytes.utf8), blocking: true)
        if hangsUp {
            stream.shutdown()
            return ""
        }
        let input = ReceiveBuffer(capacity: 65536, maximumCapacity: 1 << 20)
        while case .bytes = stream.receive(into: input, blocking: true) {}
        return input.withUnread { unread in
            let bytes = (0..<unread.byteCount).map { unread.littleEndian(at: $0, as: UInt8.self) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test func statusAndIRQsShowWhatAClientHas() throws {
        let client = try VFIOUserClient(
            path: folder.appendingPathComponent("b").path,
            timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        try client.map(ram)
        let driver = try VirtioGuestDriver(client, ram: ram)
        #expect(try driver.request(32).count == 32)
        let status = try verb("status")
        #expect(status.status == 0)
        #expect(status.output.contains("3 vectors, 2 held, 1 set aside, 0 free"))
        #expect(status.output.contains("instances may ask for 4 vectors and there are 3"))
        #expect(status.output.contains("(process \(ProcessInfo.processInfo.processIdentifier))"))
        let interrupts = try verb("irqs", "virtio-rng-1")
        #expect(interrupts.output.contains("msix 1  event 1  eventfd"))
        #expect(try verb("irqs", "virtio-rng-0").output.contains("3 more of which nothing"))
        #expect(try verb("move", "virtio-rng-1", "msix", "1", "0").errors.contains("[MOVE-IDLE]"))
        let refused = try verb(
            "budget", "virtio-rng-1", "--guarantee", "0", "--limit", "2")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("BUDGET-CONNECTED"))
        client.disconnect()
    }

    @Test func aBudgetIsChangedWhileNobodyIsConnected() throws {
        #expect(try verb("budget", "virtio-rng-0", "--guarantee", "2", "--limit", "2").status == 0)
        #expect(try verb("status").output.contains("3 set aside, 0 free"))
        let second = try verb("budget", "virtio-rng-1", "--guarantee", "2", "--limit", "2")
        #expect(second.status == 1)
        #expect(second.errors.contains("1 of 3 vectors are not promised [BUDGET-GUARANTEE]"))
    }

    @Test(arguments: [
        ("{\"verb\":\"dance\"}\n", "CONTROL-REQUEST"), ("nonsense\n", "CONTROL-REQUEST"),
        ("{}\n", "CONTROL-REQUEST"), ("{\"verb\":\"irqs\"}\n", "CONTROL-DEVICE"),
        ("{\"verb\":\"irqs\",\"device\":\"none\"}\n", "CONTROL-DEVICE"),
        ("{\"device\":\"virtio-rng-0\",\"verb\":\"budget\",\"guarantee\":-1}\n", "CONTROL-REQUEST"),
        (
            "{\"device\":\"virtio-rng-0\",\"verb\":\"move\",\"interrupt\":\"msix\"}\n",
            "CONTROL-REQUEST"
        ),
        (
            "{\"device\":\"virtio-rng-0\",\"verb\":\"move\",\"interrupt\":\"msix 0\","
                + "\"processors\":\"0\"}\n", "MOVE-IDLE"
        ),
    ])
    func whatIsNotUnderstoodIsSaidSo(request: String, code: String) throws {
        #expect(try say(request).contains(code))
    }

    @Test func whoSaysTooMuchOrGoesIsLetGoAndOthersAreAnswered() throws {
        #expect(try say(String(repeating: "x", count: 5000)) == "")
        _ = try say("{\"verb\":\"stat", hangsUp: true)
        _ = try say("{\"verb\":\"status\"}\n", hangsUp: true)
        #expect(try verb("status").status == 0)
        #expect(try verb("irqs").errors.contains("say which device: virtio-rng-0, virtio-rng-1"))
    }

    @Test func theSocketIsTheUsersAlone() throws {
        let mode = try FileManager.default.attributesOfItem(atPath: control)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func withoutAServerTheVerbsSayWhatToTry() throws {
        let outcome = try CarillonProgram.run(["status", "--control", control + ".none"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("HOST-CONNECT"))
    }

    // MARK: Traces

    @Test func aTraceIsRecordedShownAndReplayed() throws {
        let file = folder.appendingPathComponent("rng.trace").path
        let recorder = try CarillonProgram.start(
            ["trace", "record", "virtio-rng-0", "--seconds", "600", "--output", file],
            environment: ["CARILLON_CONTROL": control], output: Pipe(), errors: Pipe())
        defer { recorder.terminate() }
        while (try? String(contentsOfFile: file, encoding: .utf8))?.isEmpty != false {}
        let client = try VFIOUserClient(
            path: folder.appendingPathComponent("a").path,
            timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        try client.map(ram)
        let driver = try VirtioGuestDriver(client, ram: ram)
        #expect(try driver.request(32).count == 32)
        client.disconnect()
        while (try? String(contentsOfFile: file, encoding: .utf8))?.contains("reset") != true {}
        recorder.terminate()
        recorder.waitUntilExit()

        let view = try CarillonProgram.run(["trace", "view", file])
        #expect(view.output.contains("S sent  w waits"))
        #expect(view.output.contains("reserve"))
        let one = try CarillonProgram.run(["trace", "view", file, "--vector", "1"])
        #expect(one.output.split(separator: "\n").count < view.output.split(separator: "\n").count)
        let replay = try CarillonProgram.run(["trace", "replay", file])
        #expect(replay.status == 0, "\(replay.output)")
        #expect(replay.output.contains("LANE"))
    }

    @Test(arguments: [
        ("# carillon trace 1\n0 1 send vector=0\n1 2 coalesce vector=0\n", "nothing waited"),
        ("0 1 send\n", "is no trace"), ("# carillon trace 1\n0 1 sing\n", "line 2 is no event"),
    ])
    func aTraceThatIsWrongIsSaidSo(text: String, complaint: String) throws {
        let file = folder.appendingPathComponent("wrong.trace").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try CarillonProgram.run(["trace", "replay", file])
        #expect(outcome.status == 1)
        #expect((outcome.output + outcome.errors).contains(complaint))
    }

    // MARK: Explanations

    @Test(arguments: ["VECTOR-EXHAUSTED", "vector-exhausted", "withdrawn", "vector-mask+unbound"])
    func everyNameHasAnExplanation(name: String) throws {
        let outcome = try CarillonProgram.run(["explain", name])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("meaning: "))
        #expect(!outcome.output.contains("`") && !outcome.output.contains("]("))
    }

    @Test func whatIsCalledNothingIsNotExplained() throws {
        let outcome = try CarillonProgram.run(["explain", "vector"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("there is"))
        #expect(outcome.errors.contains("VECTOR-LIMIT"))
    }
}
