import ArgumentParser
import Foundation

/// Prints the arguments with which QEMU attaches to a served device.
struct QEMUArgsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qemu-args",
        abstract: "Print the arguments with which QEMU (10.1 or newer) attaches to a device.",
        discussion: """
            The machine's memory must be shared with the device, so it comes from a memfd. Use the \
            words as they are in a shell: qemu-system-x86_64 $(carillon qemu-args …) needs eval \
            because one word is JSON; --json prints an array for scripts.
            """
    )

    @Option(help: "The socket that carillon serve listens on.")
    var socket: String?

    @Option(name: .shortAndLong, help: "In place of it, the UUID of a slice that is active.")
    var uuid: String?

    @OptionGroup var server: ControlOptions

    @Option(help: "The guest's memory, as QEMU writes sizes.")
    var memory = "512M"

    @Flag(help: "Print a JSON array of arguments instead of shell words.")
    var json = false

    func validate() throws {
        guard (socket == nil) != (uuid == nil), socket?.isEmpty != true else {
            throw ValidationError("--socket with a path, or --uuid, says which device.")
        }
        try Self.checkMemory(memory)
    }

    static func checkMemory(_ memory: String) throws {
        let digits = memory.prefix { $0.isNumber && $0.isASCII }
        guard !digits.isEmpty, ["", "M", "G"].contains(String(memory.dropFirst(digits.count)))
        else { throw ValidationError("--memory takes a size such as 512M or 2G.") }
    }

    func run() throws {
        let arguments = try Self.arguments(
            socket: try socket ?? socketOfSlice(), memory: memory)
        if json { return try Output.json(arguments) }
        Output.line(arguments.map(Self.shellWord).joined(separator: " "))
    }

    private func socketOfSlice() throws -> String {
        var slice = ActiveSliceOptions()
        slice.uuid = uuid ?? ""
        slice.server = server
        return try slice.socket()
    }

    private struct Device: Encodable {
        struct Socket: Encodable {
            let path: String
            let type = "unix"
        }

        let driver = "vfio-user-pci"
        let socket: Socket
    }

    /// The argument of `-device`.
    static func device(socket: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let path = URL(fileURLWithPath: socket).path
        return String(
            decoding: try encoder.encode(Device(socket: .init(path: path))), as: UTF8.self)
    }

    static func arguments(socket: String, memory: String) throws -> [String] {
        [
            "-object", "memory-backend-memfd,id=mem,size=\(memory),share=on",
            "-machine", "q35,memory-backend=mem", "-m", memory,
            "-device", try device(socket: socket),
        ]
    }

    static func shellWord(_ argument: String) -> String {
        let plain = argument.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber) || "-,=./_".contains($0)
        }
        return plain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
    }
}
