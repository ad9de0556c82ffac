import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer
import VFIOUserWire

/// Every suite that runs a server: one after the other, because some count the process's
/// descriptors. The limit only ends what hangs: a test's clock runs while guests of other tests
/// hold the threads.
@Suite(.serialized, .endsWhenHung) enum Serving {}

/// One served device, its client, and the client's view as a guest.
struct Rig {
    let server: TestServer
    let client: VFIOUserClient
    let guest: GuestFunction

    static func manual(
        _ device: ManualDevice, vectors: Int = 64, polling: PollingPolicy = .off
    ) async throws -> Rig {
        let server = try TestServer(polling: polling, vectors: vectors)
        try await server.serve(device)
        let client = try server.client()
        return Rig(server: server, client: client, guest: try GuestFunction(client))
    }

    /// Writes a register of a `ManualDevice`.
    func set(_ register: ManualDevice.Register, _ value: UInt64 = 0) throws {
        try guest.write(value, bar: 0, at: register.rawValue, .dword)
    }

    func report() async throws -> DeviceReport {
        try #require(await server.server.report(of: "device"))
    }
}

/// Descriptors of kinds that a hostile client may send.
struct OddDescriptors {
    private let pipe = Pipe()
    private let device = FileHandle(forUpdatingAtPath: "/dev/zero")
    private let directory = FileHandle(forReadingAtPath: "/")

    /// The end of a pipe, a character device and, where it opens as a file, a directory.
    var raw: [CInt] {
        [pipe.fileHandleForReading, device, directory].compactMap { $0?.fileDescriptor }
    }
}

/// Whether a mapping of the memory file `name` is left in this process.
func isMapped(_ name: String) throws -> Bool {
    let maps = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/maps")).readToEnd()
    return String(decoding: maps ?? Data(), as: UTF8.self).contains("memfd:" + name)
}

/// Bytes of memory that this process has in use.
func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
}

extension ServerEvent {
    var turnedAway: Int32? {
        if case .turnedAway(_, let process) = self { process } else { nil }
    }
}
