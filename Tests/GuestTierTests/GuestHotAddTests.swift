import Foundation
import LabSupport
import TestTraits
import Testing

/// Disks that come and go while a guest runs and uses them.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestHotAddTests {
    private struct Status: Decodable {
        struct Parent: Decodable {
            let held: Int
        }

        let parents: [Parent]
    }

    private static func held(_ daemon: ServingDaemon) throws -> [Int] {
        try JSONDecoder().decode(
            Status.self, from: Data(try daemon.verb("status", "--json").utf8)
        ).parents.map(\.held)
    }

    /// Descriptors and resident KiB of a process.
    private static func size(of process: Int32) throws -> (descriptors: Int, kibibytes: Int) {
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let words = line?.split(separator: " ") ?? []
        return (names.count, words.count > 1 ? Int(words[1]) ?? 0 : 0)
    }

    private static func daemon() throws -> ServingDaemon {
        try ServingDaemon(
            parents: """
                {"name":"p","vectors":3,"directory":"DIRECTORY","types":[
                 {"name":"d","device":"virtio-blk","guarantee":3,"limit":3,"size":"16M",
                  "queues":2}]}
                """)
    }

    @Test(.rules("SLICE-7", "VU-22", "BLK-9"))
    func `A disk is added, and removed by its guest 200 times while it is read`() throws {
        let daemon = try Self.daemon()
        let scratch = try TemporaryDirectory()
        let monitor = try QMPMonitor(in: scratch)
        var boot = GuestBoot(
            lab: try Lab.required(), kernel: try #require(Lab.locate()?.kernels.last),
            scenario: "hot-add",
            devices: [
                #"{"driver":"pcie-root-port","id":"port0","chassis":1,"addr":"6"}"#,
                #"{"driver":"pcie-root-port","id":"port1","chassis":2,"addr":"7"}"#,
            ])
        boot.variables = ["cycles": "200"]
        boot.arguments = monitor.arguments
        boot.processors = 2
        let guest = try boot.start(in: scratch)
        try monitor.connect()
        try #require(guest.waitForSerial("CARILLON waiting"), "\(guest.serial)")

        let before = try Self.size(of: daemon.processID)
        try daemon.verb("start", "-u", ServingDaemon.uuid(1), "-p", "p", "-t", "d")
        try monitor.execute("device_add", daemon.device(1, #""bus":"port0","id":"disk1""#))
        try #require(guest.waitForSerial("CARILLON found"), "\(guest.serial)")
        #expect(try Self.held(daemon) == [3])
        try #require(
            guest.waitForSerial("CARILLON gone 200"),
            "\(guest.serial)\(daemon.log)")
        #expect(try Self.held(daemon) == [0], "each removal gave the vectors back")
        // It was the same client all the time.
        try daemon.verb("stop", "-u", ServingDaemon.uuid(1), "--force")
        let after = try Self.size(of: daemon.processID)
        #expect(after.descriptors == before.descriptors)
        #expect(after.kibibytes < before.kibibytes + 16 << 10, "\(before) \(after)")

        // Another one, which is taken away while it is written.
        try daemon.verb("start", "-u", ServingDaemon.uuid(2), "-p", "p", "-t", "d")
        try monitor.execute("device_add", daemon.device(2, #""bus":"port1","id":"disk2""#))
        try #require(
            guest.waitForSerial("CARILLON busy"),
            "\(guest.serial)\(daemon.log)")
        try daemon.verb("stop", "-u", ServingDaemon.uuid(2), "--force")
        #expect(try Self.held(daemon) == [0])
        let ticks = guest.serial.components(separatedBy: "CARILLON tick").count
        while guest.serial.components(separatedBy: "CARILLON tick").count < ticks + 2 {
            try #require(guest.waitForExit(timeoutSeconds: 0.2) == nil, "the guest goes on")
        }
        #expect(!daemon.log.contains("books do not balance"))
        guest.kill()
    }
}
