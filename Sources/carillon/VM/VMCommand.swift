import ArgumentParser

/// Runs virtual machines of our own.
struct VMCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vm",
        abstract: "Run a virtual machine on KVM whose interrupts can be looked at.",
        subcommands: [VMRunCommand.self])
}
