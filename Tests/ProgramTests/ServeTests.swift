import Foundation
import LabSupport
import LinuxKernel
import PlatformTypes
import ProgramSupport
import TestTraits
import Testing
import VFIOUserClient

@Suite struct ServeTests: ~Copyable {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-serve-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private var socket: String { folder.appendingPathComponent("device.sock").path }

    /// Starts a server and returns once it listens: its first line of log says so.
    private func start(_ arguments: [String], output: Pipe) throws -> SpawnedProcess {
        let errors = Pipe()
        let process = try CarillonProgram.start(
            ["serve", "virtio-rng", "--socket", socket] + arguments, output: output,
            errors: errors)
        var log = ""
        while !log.contains("listening") {
            let data = errors.fileHandleForReading.availableData
            if data.isEmpty { break }
            log += String(decoding: data, as: UTF8.self)
        }
        #expect(log.contains("listening"))
        return process
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalEndsTheServerAndRemovesTheSocket(_ signal: Int32) throws {
        let process = try start([], output: Pipe())
        #expect(FileManager.default.fileExists(atPath: socket))
        kill(process.processIdentifier, signal)
        #expect(process.waitUntilExit() == 0)
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test func onceEndsWithTheFirstClientAndReportsItsInterrupts() throws {
        let output = Pipe()
        let process = try start(["--once", "--json", "--vectors", "1"], output: output)
        let client = try VFIOUserClient(
            path: socket, timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        try client.map(ram)
        let driver = try VirtioGuestDriver(client, ram: ram)
        #expect(driver.policy == .one)
        #expect(try driver.request(32).count == 32)
        client.disconnect()
        #expect(process.waitUntilExit() == 0)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        let report = try JSONDecoder().decode(Report.self, from: data)
        #expect(report.booksBalance)
        #expect(report.refused == 2)
        #expect(report.interrupts.map(\.guest) == ["msix 0", "msix 1", "pin"])
        #expect(report.interrupts.map(\.sent) == [1, 0, 0])
    }

    /// The server is a process of its own, so its descriptors can be counted to the last one.
    @Test func aHundredClientsLeaveNoDescriptorBehind() throws {
        let process = try start(["--loops", "1"], output: Pipe())
        let folder = "/proc/\(process.processIdentifier)/fd"
        var counts: [Int] = []
        for number in 0..<100 {
            let client = try VFIOUserClient(
                path: socket, timeoutMilliseconds: Int(Patience.milliseconds))
            let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
            try client.map(ram)
            let driver = try VirtioGuestDriver(client, ram: ram)
            #expect(try driver.request(16).count == 16)
            if number == 1 || number == 99 {
                counts.append(try FileManager.default.contentsOfDirectory(atPath: folder).count)
            }
            client.disconnect()
        }
        #expect(counts.first == counts.last)
        process.terminate()
        #expect(process.waitUntilExit() == 0)
    }

    @Test func aRehearsedFaultIsToldAndTheNextCallWorks() throws {
        let process = try start(["--inject", "HOST-MAP=ENOMEM@1"], output: Pipe())
        let client = try VFIOUserClient(
            path: socket, timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        let refused = #expect(throws: ClientError.self) { try client.map(ram) }
        guard case .refused = refused else {
            Issue.record("a mapping that the host refuses is refused: \(refused as Any)")
            return
        }
        try client.map(ram)
        let driver = try VirtioGuestDriver(client, ram: ram)
        #expect(try driver.request(32).count == 32)
        client.disconnect()
        process.terminate()
        #expect(process.waitUntilExit() == 0)
    }

    /// The first accept that this server makes is that of a verb.
    @Test func aVerbThatTheHostWouldNotHaveIsAnsweredTheNextTime() throws {
        let process = try start(["--inject", "HOST-ACCEPT=EMFILE@1x2"], output: Pipe())
        let outcome = try CarillonProgram.run(["status", "--control", socket + ".control"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let again = try CarillonProgram.run(["status", "--control", socket])
        #expect(again.status == 0, "\(again.errors)")
        process.terminate()
        #expect(process.waitUntilExit() == 0)
    }

    @Test func aPathInAMissingFolderIsRefusedWithAdvice() throws {
        let outcome = try CarillonProgram.run(
            ["serve", "virtio-rng", "--socket", socket + "/no/such.sock"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("HOST-LISTEN"))
    }

    @Test func aPathThatAnotherServerHoldsIsRefused() throws {
        let process = try start([], output: Pipe())
        let second = try CarillonProgram.run(["serve", "virtio-rng", "--socket", socket])
        #expect(second.status == 1)
        #expect(second.errors.contains("EADDRINUSE"))
        #expect(FileManager.default.fileExists(atPath: socket))
        process.terminate()
        #expect(process.waitUntilExit() == 0)
    }

    private struct Report: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let sent: Int
        }

        let interrupts: [Interrupt]
        let refused: Int
        let booksBalance: Bool
    }
}
