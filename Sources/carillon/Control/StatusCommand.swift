import ArgumentParser

/// Shows what a running server has, who may expect it and who holds it.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the vectors of a running server: capacity, guarantees, leases, refusals.",
        discussion: "Of a machine it shows messages, routes and devices.")

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        let reply = try server.ask(ControlRequest(verb: .status))
        if let status = reply.status {
            try Output.show(status, status.text, asJSON: json)
        } else if let machine = reply.machine {
            try Output.show(machine, machine.text, asJSON: json)
        } else {
            throw CommandFailure("the server answered something else")
        }
    }
}

/// Shows the path of each interrupt of one device.
struct InterruptsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "irqs",
        abstract: "Show where each interrupt of a device goes, and what became of its events.")

    @Argument(help: "The device's name, as status shows it. Not needed if there is one.")
    var device: String?

    @OptionGroup var server: ControlOptions

    @Flag(help: "Also show vectors of which nothing is to be told.")
    var all = false

    @Flag(help: "Write one line of JSON, with all of them.")
    var json = false

    func run() throws {
        let reply = try server.ask(ControlRequest(verb: .irqs, device: device))
        if let interrupts = reply.irqs {
            try Output.show(interrupts, interrupts.text(all: all), asJSON: json)
        } else if let routed = reply.routed {
            try Output.show(routed, routed.text(all: all), asJSON: json)
        } else {
            throw CommandFailure("the server answered something else")
        }
    }
}

/// Changes what a device may expect of its parent.
struct BudgetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "Change a device's guarantee and limit, while no client is connected.",
        discussion: """
            The parent must agree: what is guaranteed to all never exceeds what it has. The size \
            of the table that a guest is shown does not follow.
            """)

    @Argument(help: "The device's name, as status shows it. Not needed if there is one.")
    var device: String?

    @Option(help: "Vectors that are set aside for it.")
    var guarantee: Int

    @Option(help: "The most that it may hold.")
    var limit: Int

    @OptionGroup var server: ControlOptions

    func validate() throws {
        guard 0 <= guarantee, guarantee <= limit else {
            throw ValidationError("The guarantee is not negative, and not more than the limit.")
        }
    }

    func run() throws {
        _ = try server.ask(
            ControlRequest(verb: .budget, device: device, guarantee: guarantee, limit: limit))
    }
}
