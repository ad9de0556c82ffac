import ArgumentParser

/// The program.
@main
struct Carillon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "carillon",
        abstract: "PCI devices for virtual machines whose interrupts are right.",
        discussion: """
            Every command exits with 0 when it did what it was asked, 1 when the host or a device \
            said no, and 64 when the command line is not understood.
            """,
        version: "0.1.0",
        subcommands: [
            TryCommand.self, VMCommand.self, ServeCommand.self, StatusCommand.self,
            InterruptsCommand.self, BudgetCommand.self, MoveCommand.self, TypesCommand.self,
            ListCommand.self, DefineCommand.self, UndefineCommand.self, ModifyCommand.self,
            StartCommand.self, StopCommand.self, AcceleratorCommand.self, ShowCommand.self,
            CloudHypervisorArgsCommand.self, LibvirtXMLCommand.self, CDICommand.self,
            TopCommand.self, TraceCommand.self, ExplainCommand.self, QEMUArgsCommand.self,
            DoctorCommand.self,
        ]
    )
}
