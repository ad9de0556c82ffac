import Foundation
import LabSupport
import TestTraits
import Testing

/// Guests on block devices: Linux's own driver, and every sector checked.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestBlockTests {
    /// A sparse file of so many mebibytes.
    private static func image(_ mebibytes: Int, in directory: TemporaryDirectory) throws -> String {
        let path = directory.path + "/image"
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.truncate(atOffset: UInt64(mebibytes) << 20)
        try file.close()
        return path
    }

    private static func boot(
        _ serving: ServingProgram, _ kernel: Lab.Kernel, steps: String, processors: Int = 1
    ) throws -> GuestReport {
        var guest = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-blk",
            devices: [serving.device()])
        guest.variables = ["steps": steps]
        guest.processors = processors
        return try guest.run()
    }

    @Test(.rules("BLK-1"), arguments: Lab.locate()?.kernels ?? [], ["", "HOST-RING=EPERM"])
    func `Blocks are where a guest put them`(kernel: Lab.Kernel, fault: String) throws {
        let directory = try TemporaryDirectory()
        let image = try Self.image(32, in: directory)
        let words = ["--image", image, "--queues", "2", "--serial", "carillon-1"]
        let serving = try ServingProgram(
            words + (fault.isEmpty ? [] : ["--inject", fault]), device: "virtio-blk")
        let guest = try Self.boot(
            serving, kernel, steps: "mix,1,4,150/fill,7/check,7", processors: 2)
        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)\(serving.log)")
        #expect(guest["vda.sectors"] == "65536")
        #expect(guest["vda.serial"] == "carillon-1")
        #expect(guest["vda.queues"] == "2")
        #expect(guest["vda.cache"] == "write back")
        let report = try serving.report()
        #expect(report.booksBalance)
        for queue in 0..<2 {
            let line = guest.all("vda.interrupts").first {
                $0.value.hasSuffix("virtio0-req.\(queue)")
            }
            let counted = try #require(line?.field("count").flatMap { Int($0) })
            // Messages that come while the guest is busy with one are one to it.
            #expect(counted > 0)
            #expect(try #require(report["msix \(queue + 1)"]?.sent) >= counted)
        }
    }

    private static func guest(
        _ daemon: ServingDaemon, _ number: Int, steps: String
    ) throws -> GuestBoot {
        let kernel = try #require(Lab.locate()?.kernels.last)
        var guest = GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-blk",
            devices: [daemon.device(number)])
        guest.variables = ["steps": steps]
        return guest
    }

    private static func boot(
        _ daemon: ServingDaemon, _ number: Int, steps: String
    ) throws -> GuestReport {
        let report = try guest(daemon, number, steps: steps).run()
        try #require(report.isDone, "\(report.serial)\(report.diagnostics)\(daemon.log)")
        return report
    }

    @Test(.rules("SLICE-3", "SLICE-9", "SLICE-13", "BLK-6"))
    func `Disks keep what guests wrote across reboots and the death of their daemon`() throws {
        let daemon = try ServingDaemon(
            parents: """
                {"name":"disks","vectors":4,"directory":"DIRECTORY/disks","types":[
                 {"name":"d8","device":"virtio-blk","guarantee":2,"limit":2,"size":"8M"}]},
                {"name":"image","vectors":1,"image":"DIRECTORY/image","capacity":"16M","types":[
                 {"name":"d8","device":"virtio-blk","guarantee":1,"limit":1,"size":"8M"}]}
                """)
        let folder = daemon.directory.path
        try FileManager.default.createDirectory(
            atPath: folder + "/disks", withIntermediateDirectories: false)
        _ = try Self.image(16, in: daemon.directory)
        for (number, parent) in [(1, "disks"), (2, "disks"), (3, "image")] {
            try daemon.verb(
                "define", "-u", ServingDaemon.uuid(number), "-p", parent, "-t", "d8", "--auto")
        }
        try daemon.dieAndComeBack()
        #expect(try daemon.slices().map(\.state) == ["serving", "serving", "serving"])
        let scratch = try TemporaryDirectory()
        let first = try Self.guest(daemon, 1, steps: "fill,11/check,11").start(in: scratch)
        let third = try Self.boot(daemon, 3, steps: "fill,33/check,33")
        #expect(third["vda.sectors"] == "16384")
        #expect(first.waitForExit() == 0)
        #expect(first.serial.contains("CARILLON done 0"), "\(first.serial)")

        // Another boot, another daemon: what was flushed is there, to the last sector.
        try daemon.dieAndComeBack()
        let again = try Self.boot(daemon, 1, steps: "check,11")
        #expect(again.all("check").first?.field("wrong") == "0")
        #expect(again.all("check").first?.field("requests") != "0")
        try Self.boot(daemon, 3, steps: "check,33").all("check").forEach {
            #expect($0.field("wrong") == "0", "with one vector it is as correct")
        }

        try daemon.verb("stop", "-u", ServingDaemon.uuid(2))
        try daemon.verb("undefine", "-u", ServingDaemon.uuid(2))
        try daemon.verb("start", "-u", ServingDaemon.uuid(4), "-p", "disks", "-t", "d8")
        try Self.boot(daemon, 4, steps: "fill,44/check,44").all("check").forEach {
            #expect($0.field("wrong") == "0")
        }
        #expect(try Self.boot(daemon, 1, steps: "check,11").isDone, "its neighbour is untouched")
    }
}
