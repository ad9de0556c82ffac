import ArgumentParser
import Foundation
import MediatedDevices

/// Which active slice a machine is to have.
struct ActiveSliceOptions: ParsableArguments {
    @Argument(help: "The slice's UUID.")
    var uuid: String

    @OptionGroup var server: ControlOptions

    func validate() throws {
        guard InstanceID(uuid) != nil else { throw ValidationError("\(uuid) is no UUID.") }
    }

    /// The slice as the server has it; throws unless it is active.
    func slice() throws -> SlicesDocument.Slice {
        let slice = try find()
        guard slice.isActive else { throw CommandFailure("\(uuid) is not active [SLICE-INACTIVE]") }
        return slice
    }

    /// The slice as the server has it, active or not.
    func find() throws -> SlicesDocument.Slice {
        let slices = try server.ask(SliceRequest(action: .list)).slices
        let found = slices.filter { $0.uuid == uuid.lowercased() }
        guard let slice = found.first(where: \.isActive) ?? found.first else {
            throw CommandFailure("\(uuid): there is no such slice [SLICE-GONE]")
        }
        return slice
    }

    /// Its socket; throws unless it is active.
    func socket() throws -> String {
        guard let socket = try slice().socket else {
            throw CommandFailure("\(uuid) is not active [SLICE-INACTIVE]")
        }
        return socket
    }
}

/// Shows all that is known of one slice.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a slice: its state, its definition, its socket, its client.")

    @OptionGroup var slice: ActiveSliceOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        let found = try slice.find()
        if json { return try Output.json(found) }
        Output.line("\(found.uuid), a \(found.type) of \(found.parent)")
        Output.line("  State: \(found.state.rawValue)")
        Output.line("  Definition: \(found.start.map { "kept, starts \($0.rawValue)" } ?? "none")")
        if let socket = found.socket { Output.line("  Socket: \(socket)") }
        if let process = found.process { Output.line("  Used by: process \(process)") }
        for attribute in found.attributes {
            Output.line("  Attribute: \(attribute.name) = \(attribute.value)")
        }
        if let defined = found.defined, defined != found.attributes {
            Output.line("  With the next start:")
            for attribute in defined { Output.line("    \(attribute.name) = \(attribute.value)") }
        }
    }
}

/// Prints the arguments with which Cloud Hypervisor attaches to a slice.
struct CloudHypervisorArgsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cloud-hypervisor-args",
        abstract: "Print the arguments with which Cloud Hypervisor attaches to a slice.")

    @OptionGroup var slice: ActiveSliceOptions

    @Option(help: "The guest's memory, as 512M or 2G.")
    var memory = "512M"

    @Flag(help: "Print a JSON array of arguments instead of shell words.")
    var json = false

    func validate() throws { try QEMUArgsCommand.checkMemory(memory) }

    func run() throws {
        let arguments = [
            "--memory", "size=\(memory),shared=on", "--user-device",
            "socket=\(try slice.socket())",
        ]
        if json { return try Output.json(arguments) }
        Output.line(arguments.map(QEMUArgsCommand.shellWord).joined(separator: " "))
    }
}

/// Prints what a domain of libvirt needs to have a slice.
struct LibvirtXMLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "libvirt-xml",
        abstract: "Print the elements that a libvirt domain needs to have a slice.",
        discussion: """
            libvirt has no element for vfio-user, so QEMU's own arguments are passed; memory must \
            be shared. Its name space belongs to the domain element.
            """)

    @OptionGroup var slice: ActiveSliceOptions

    func run() throws {
        let device = try QEMUArgsCommand.device(socket: try slice.socket())
        Output.line(
            """
            <!-- <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'> -->
            <memoryBacking>
              <source type='memfd'/>
              <access mode='shared'/>
            </memoryBacking>
            <qemu:commandline>
              <qemu:arg value='-device'/>
              <qemu:arg value='\(Self.escaped(device))'/>
            </qemu:commandline>
            """)
    }

    /// An attribute's value between apostrophes.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing("'", with: "&apos;")
    }
}

/// Writes slices in the form of the Container Device Interface.
struct CDICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cdi",
        abstract: "Write active slices as a specification of the Container Device Interface.",
        discussion: """
            Put it into /etc/cdi or /var/run/cdi: podman run --device carillon.dev/slice=UUID then \
            mounts the slice's socket at the same path.
            """)

    @OptionGroup var server: ControlOptions

    private struct Specification: Encodable {
        struct Device: Encodable {
            struct Edits: Encodable {
                struct Mount: Encodable {
                    let hostPath: String
                    let containerPath: String
                    let options = ["rw", "bind"]
                }

                let env: [String]
                let mounts: [Mount]
            }

            let name: String
            let containerEdits: Edits
        }

        let cdiVersion = "0.6.0"
        let kind = "carillon.dev/slice"
        let devices: [Device]
    }

    func run() throws {
        let slices = try server.ask(SliceRequest(action: .list)).slices
        let devices = slices.compactMap { slice in
            slice.socket.map { socket in
                Specification.Device(
                    name: slice.uuid,
                    containerEdits: .init(
                        env: ["CARILLON_SLICE_SOCKET=\(socket)"],
                        mounts: [.init(hostPath: socket, containerPath: socket)]))
            }
        }
        guard !devices.isEmpty else { throw CommandFailure("no slice is active [SLICE-INACTIVE]") }
        try Output.json(Specification(devices: devices))
    }
}
