import Foundation
import LabSupport
import LinuxKernel
import TestTraits
import Testing

/// Guests that talk over a console to a test, which is the person at its other end.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestConsoleTests {
    /// A person at a terminal or a socket.
    private final class Person {
        private let file: FileHandle
        private var heard = ""

        init(at path: String, isTerminal: Bool) throws {
            if isTerminal {
                file = try #require(FileHandle(forUpdatingAtPath: path))
            } else {
                let stream = try UnixStream.connect(path: path)
                file = FileHandle(
                    fileDescriptor: try OwnedDescriptor.duplicate(of: stream.raw).release(),
                    closeOnDealloc: true)
            }
        }

        func say(_ text: String) throws { try file.write(contentsOf: Data((text + "\n").utf8)) }

        /// Reads until a line has come that has this in it, and answers the line from there on.
        func hear(_ beginning: String) -> String? {
            while true {
                var lines = heard.split(separator: "\n", omittingEmptySubsequences: false)
                if lines.count > 1 {
                    let first = String(lines.removeFirst())
                    heard = lines.joined(separator: "\n")
                    // A terminal keeps the beginning of what nobody has read.
                    if let range = first.range(of: beginning) {
                        return String(first[range.lowerBound...])
                    }
                    continue
                }
                let data = file.availableData
                if data.isEmpty { return nil }
                heard += String(decoding: data, as: UTF8.self)
            }
        }
    }

    @Test(
        .rules("CON-1", "CON-2", "CON-3"), arguments: Lab.locate()?.kernels ?? [], [true, false])
    func `A guest and a person hear each other`(kernel: Lab.Kernel, isTerminal: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/console"
        let serving = try ServingProgram(
            [isTerminal ? "--terminal" : "--console-socket", path], device: "virtio-console")
        let scratch = try TemporaryDirectory()
        let guest = try GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-console",
            devices: [serving.device()]
        ).start(in: scratch)
        // 64 KiB that nobody reads do not keep it.
        try #require(
            guest.waitForSerial("CARILLON ready"), "\(guest.serial)")
        let person = try Person(at: path, isTerminal: isTerminal)
        for number in 0..<50 {
            let word = "\(number)-" + String(repeating: "x", count: number * 7 % 200)
            try person.say(word)
            #expect(person.hear("heard \(number)-") == "heard \(word)")
        }
        try person.say("end")
        #expect(guest.waitForExit() == 0)
        #expect(guest.serial.contains("CARILLON lines 50"), "\(guest.serial)")
        let report = try serving.report()
        #expect(report.booksBalance)
        #expect(try #require(report["msix 1"]).sent > 0, "input came by its own vector")
        #expect(!FileManager.default.fileExists(atPath: path), "the path goes with its device")
    }
}
