import ArgumentParser
import DeviceModels
import LinuxKernel
import VFIOUserServer

/// What a `virtio-console` is to have.
struct ConsoleOptions: ParsableArguments {
    @Option(
        name: .customLong("console-socket"),
        help: ArgumentHelp(
            """
            Where the console's other end is: a Unix stream socket, for one peer at a time; given \
            as often as --socket.
            """, valueName: "path"))
    var sockets: [String] = []

    @Option(
        name: .customLong("terminal"),
        help: ArgumentHelp(
            """
            In place of it, a terminal of its own for each device, to which a symbolic link at \
            this path leads.
            """, valueName: "path"))
    var terminals: [String] = []

    /// Whether any of these was given.
    var isGiven: Bool { !sockets.isEmpty || !terminals.isEmpty }

    /// The other ends that they describe.
    var places: [ConsoleLine.Place] {
        sockets.map { .socket(path: $0, SocketAccess()) }
            + terminals.map { .terminal(link: $0, SocketAccess()) }
    }
}

extension VirtioPCI where Device == VirtioConsole<ConsoleLine> {
    /// A console with its other end at `place`, whose table shows no more than `vectors`.
    init(at place: ConsoleLine.Place, vectors: Int?) throws(HostError) {
        self.init(
            VirtioConsole(channel: try ConsoleLine(place)), vectors: vectors)
    }
}
