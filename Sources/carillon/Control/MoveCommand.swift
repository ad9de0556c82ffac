import ArgumentParser
import IRQDomains
import PlatformTypes
import VFIOUserServer

/// Moves an interrupt to other processors while it is in use.
struct MoveCommand: ParsableCommand {
    /// The interrupts that a lease backs.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case msix, msi, slot
    }

    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Have an interrupt of a device go to other processors, while it fires or not.",
        discussion: """
            Its parent must have processors (serve --processors). An interrupt goes elsewhere if \
            those have no vector left; the answer says where it effectively goes. No message is \
            lost on the way.
            """)

    @Argument(help: "The device's name, as status shows it.")
    var device: String

    @Argument(help: "msix, msi or slot, as irqs shows it.")
    var kind: Kind

    @Argument(help: "Its number.")
    var number: Int

    @Argument(help: "The processors, as in 0,2-5.")
    var processors: String

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func validate() throws {
        guard (0..<VectorIndex.tableLimit).contains(number) else {
            throw ValidationError("An interrupt's number is from 0 to 2047.")
        }
        guard CPUSet(processors) != nil else {
            throw ValidationError("Processors are listed as in 0,2-5.")
        }
    }

    func run() throws {
        var request = ControlRequest(verb: .move, device: device)
        request.interrupt = "\(kind.rawValue) \(number)"
        request.processors = processors
        guard let moved = try server.ask(request).moved else {
            throw CommandFailure("the server answered something else")
        }
        if json { return try Output.json(moved) }
        Output.line(moved.text)
    }
}

/// Where an interrupt went: `carillon move --json`, schema 1.
struct MoveDocument: Codable, Sendable {
    var schema = 1
    let device: String
    /// As `irqs` shows it.
    let interrupt: String
    let processor: Int
    let vector: Int
    /// Whether that is one of the processors that were asked for.
    let isWhereAsked: Bool

    /// The interrupt that `name` says, or nil if it says none.
    static func interrupt(_ name: String) -> VFIOUserServer.GuestInterrupt? {
        let words = name.split(separator: " ")
        guard words.count == 2, let kind = MoveCommand.Kind(rawValue: String(words[0])),
            let number = Int(words[1]).flatMap({ VectorIndex($0) })
        else { return nil }
        switch kind {
        case .msix, .msi: return .vector(number)
        case .slot: return .slot(number)
        }
    }

    var text: String {
        let target = VectorTarget(processor: processor, vector: UInt8(truncatingIfNeeded: vector))
        return "\(interrupt) of \(device) goes to \(target)"
            + (isWhereAsked ? "" : ": the processors that were asked for have no vector left")
    }
}
