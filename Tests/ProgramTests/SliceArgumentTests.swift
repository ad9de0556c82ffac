import Foundation
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// What the verbs of slices say of words that mean nothing, and of servers that are not there.
@Suite(.endsWhenHung) struct SliceArgumentTests {
    private static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    @Test(arguments: [
        ["define"], ["define", "-p", "p"], ["define", "-t", "t"],
        ["define", "-u", "x", "-p", "p", "-t", "t"],
        ["define", "-u", uuid, "-p", "p", "-t", "t", "--jsonfile", "f"],
        ["define", "-u", uuid, "-p", "p", "--jsonfile", "f", "-a"],
        ["define", "-u", uuid, "extra"],
        ["undefine"], ["undefine", "-u", "83b8"], ["undefine", "-u", uuid, "--force"],
        ["modify"], ["modify", "-u", uuid], ["modify", "-u", uuid, "-a", "-m"],
        ["modify", "-u", uuid, "--addattr", "trace"], ["modify", "-u", uuid, "--value", "1"],
        ["modify", "-u", uuid, "--addattr", "trace", "--value", "1", "--delattr"],
        ["modify", "-u", uuid, "-i", "0", "-a"],
        ["modify", "-u", uuid, "--delattr", "-i", "first"],
        ["modify", "-u", uuid, "--live", "-a"], ["modify", "-u", uuid, "--live", "-t", "t"],
        ["start"], ["start", "-p", "p"], ["start", "-t", "t"], ["start", "-u", uuid, "-t", "t"],
        ["start", "-u", uuid, "-p", "p", "-t", "t", "--jsonfile", "f"],
        ["stop"], ["stop", "-u", uuid, "--force", "--drain"], ["stop", "-u", "\(uuid)0"],
        ["list", "-u", "x"], ["list", "--all"], ["types", "-u", uuid], ["show"],
        ["qemu-args"], ["qemu-args", "-u", uuid, "--socket", "s"],
        ["serve", "--config", "f", "virtio-rng"], ["serve", "--config", "f", "--socket", "s"],
        ["serve", "virtio-blk", "--socket", "s"],
        ["serve", "virtio-blk", "--socket", "s", "--image", "a", "--image", "b"],
        ["serve", "virtio-blk", "--socket", "s", "--image", "a", "--queues", "0"],
        ["serve", "virtio-blk", "--socket", "s", "--image", "a", "--queues", "65"],
        [
            "serve", "virtio-blk", "--socket", "s", "--image", "a", "--serial",
            "123456789012345678901",
        ],
        ["serve", "virtio-rng", "--socket", "s", "--image", "a"],
        ["serve", "virtio-rng", "--socket", "s", "--read-only"],
        ["serve", "virtio-console", "--socket", "s"],
        ["serve", "virtio-console", "--socket", "s", "--console-socket", "c", "--terminal", "t"],
        ["serve", "virtio-rng", "--socket", "s", "--terminal", "t"],
    ])
    func wordsThatMeanNothingAreWrongUsage(words: [String]) throws {
        let outcome = try CarillonProgram.run(words)
        #expect(outcome.status == 64, "\(words): \(outcome.errors)")
        #expect(outcome.errors.hasPrefix("Error: "), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func aServerThatIsNotThereIsSaidSo() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-none-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let stale = folder.path + "/stale"
        // A socket file whose server has gone.
        do {
            let listener = try UnixListener(path: stale)
            try FileManager.default.linkItem(atPath: stale, toPath: stale + "2")
            _ = consume listener
        }
        for (path, errno) in [(stale + "2", "ECONNREFUSED"), (folder.path + "/none", "ENOENT")] {
            for words in [["list"], ["types"], ["stop", "-u", Self.uuid], ["status"]] {
                let outcome = try CarillonProgram.run(words + ["--control", path])
                #expect(outcome.status == 1)
                #expect(
                    outcome.errors.contains(errno) && outcome.errors.contains("[HOST-CONNECT]"),
                    "\(outcome.errors)")
            }
        }
    }

    @Test(arguments: [
        ["serve", "virtio-blk", "--image", "/nowhere/image"],
        ["serve", "virtio-blk", "--image", "/dev/null"],
        ["serve", "virtio-blk", "--image", "/"],
        ["serve", "virtio-console", "--console-socket", "/nowhere/console"],
        ["serve", "virtio-console", "--terminal", "/nowhere/console"],
    ])
    func whatADeviceNeedsAndIsNotThereIsSaid(words: [String]) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-need-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let outcome = try CarillonProgram.run(words + ["--socket", folder.path + "/socket"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("[HOST-"), "\(outcome.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
