extension HostError {
    /// The stable identifier of a failing step, with the words for the error catalogue.
    public struct Code: Sendable, Hashable, CaseIterable, CustomStringConvertible {
        private enum Identifier: String, CaseIterable {
            case descriptor = "HOST-DESCRIPTOR"
            case descriptorKind = "HOST-DESCRIPTOR-KIND"
            case eventFD = "HOST-EVENTFD"
            case timer = "HOST-TIMER"
            case epoll = "HOST-EPOLL"
            case socket = "HOST-SOCKET"
            case socketPath = "HOST-SOCKET-PATH"
            case listen = "HOST-LISTEN"
            case accept = "HOST-ACCEPT"
            case connect = "HOST-CONNECT"
            case memoryFile = "HOST-MEMFD"
            case map = "HOST-MAP"
            case mapRange = "HOST-MAP-RANGE"
            case entropy = "HOST-ENTROPY"
            case thread = "HOST-THREAD"
            case program = "HOST-PROGRAM"
            case limit = "HOST-LIMIT"
            case processFiles = "HOST-PROC"
            case file = "HOST-FILE"
            case blockFile = "HOST-BLOCK-FILE"
            case block = "HOST-BLOCK"
            case ring = "HOST-RING"
            case console = "HOST-CONSOLE"
            case accelerator = "HOST-ACCELERATOR"
            case serviceManager = "HOST-NOTIFY"
            case kvmNode = "KVM-NODE"
            case kvmCapability = "KVM-CAPABILITY"
            case kvmMachine = "KVM-MACHINE"
            case kvmChip = "KVM-CHIP"
            case kvmMemory = "KVM-MEMORY"
            case kvmRoutes = "KVM-ROUTES"
            case kvmEvent = "KVM-IRQFD"
            case kvmWatch = "KVM-IOEVENTFD"
            case kvmMessage = "KVM-MESSAGE"
            case kvmLine = "KVM-LINE"
            case kvmProcessor = "KVM-PROCESSOR"
            case kvmRun = "KVM-RUN"
        }

        private let identifier: Identifier

        private init(_ identifier: Identifier) {
            self.identifier = identifier
        }

        /// The identifier, such as "HOST-EVENTFD".
        public var rawValue: String { identifier.rawValue }

        /// In words, for logs and reports.
        public var description: String { rawValue }

        /// Every code, in the order of the catalogue.
        public static var allCases: [Code] { Identifier.allCases.map { Code($0) } }

        /// A descriptor could not be duplicated, inspected or changed.
        public static var descriptor: Code { Code(.descriptor) }
        /// A descriptor is not of the kind that its use needs.
        public static var descriptorKind: Code { Code(.descriptorKind) }
        /// No eventfd could be made.
        public static var eventFD: Code { Code(.eventFD) }
        /// No timer could be made.
        public static var timer: Code { Code(.timer) }
        /// An epoll set could not be made, changed or waited on.
        public static var epoll: Code { Code(.epoll) }
        /// A socket could not be made or configured.
        public static var socket: Code { Code(.socket) }
        /// A path cannot be the address of a socket.
        public static var socketPath: Code { Code(.socketPath) }
        /// A socket could not be bound to its path, or does not listen.
        public static var listen: Code { Code(.listen) }
        /// A client that knocked could not be let in.
        public static var accept: Code { Code(.accept) }
        /// A server could not be reached.
        public static var connect: Code { Code(.connect) }
        /// A memory file could not be made, sized or sealed.
        public static var memoryFile: Code { Code(.memoryFile) }
        /// A file could not be mapped.
        public static var map: Code { Code(.map) }
        /// A file is shorter than the range to map.
        public static var mapRange: Code { Code(.mapRange) }
        /// The kernel gave no random bytes.
        public static var entropy: Code { Code(.entropy) }
        /// A thread could not be started.
        public static var thread: Code { Code(.thread) }
        /// A program could not be started.
        public static var program: Code { Code(.program) }
        /// A resource limit could not be read or raised.
        public static var limit: Code { Code(.limit) }
        /// /proc does not show this process.
        public static var processFiles: Code { Code(.processFiles) }
        /// A file or a directory could not be read, written or removed.
        public static var file: Code { Code(.file) }
        /// A file or a device could not be opened as blocks, or somebody else uses it.
        public static var blockFile: Code { Code(.blockFile) }
        /// A block could not be read, written, flushed or discarded.
        public static var block: Code { Code(.block) }
        /// The kernel gave no io_uring; threads do its work.
        public static var ring: Code { Code(.ring) }
        /// A console's terminal could not be opened, or no link to it be made.
        public static var console: Code { Code(.console) }
        /// An accelerator has not what was asked of it.
        public static var accelerator: Code { Code(.accelerator) }
        /// The service manager could not be told.
        public static var serviceManager: Code { Code(.serviceManager) }
        /// /dev/kvm could not be opened, or is not KVM.
        public static var kvmNode: Code { Code(.kvmNode) }
        /// The kernel's KVM lacks something that is needed.
        public static var kvmCapability: Code { Code(.kvmCapability) }
        /// No virtual machine could be made.
        public static var kvmMachine: Code { Code(.kvmMachine) }
        /// The interrupt chip of a machine could not be made.
        public static var kvmChip: Code { Code(.kvmChip) }
        /// Memory could not be shown to a guest.
        public static var kvmMemory: Code { Code(.kvmMemory) }
        /// The kernel did not take a machine's routes; the old ones are in force.
        public static var kvmRoutes: Code { Code(.kvmRoutes) }
        /// An event could not be attached to an interrupt.
        public static var kvmEvent: Code { Code(.kvmEvent) }
        /// An event could not be attached to a guest's writes.
        public static var kvmWatch: Code { Code(.kvmWatch) }
        /// A message could not be delivered to a machine.
        public static var kvmMessage: Code { Code(.kvmMessage) }
        /// A pin of a machine could not be set.
        public static var kvmLine: Code { Code(.kvmLine) }
        /// A processor could not be made, set up or looked at.
        public static var kvmProcessor: Code { Code(.kvmProcessor) }
        /// The kernel cannot run a processor.
        public static var kvmRun: Code { Code(.kvmRun) }
    }
}

extension HostError.Code {
    /// What the code says happened, one sentence.
    public var meaning: String {
        switch identifier {
        case .descriptor: "A descriptor could not be duplicated, inspected or changed."
        case .descriptorKind: "A descriptor is not of the kind that its use needs."
        case .eventFD: "No eventfd could be made."
        case .timer: "No timer could be made."
        case .epoll: "An epoll set could not be made, changed or waited on."
        case .socket: "A socket could not be made or configured."
        case .socketPath: "A path cannot be the address of a socket."
        case .listen: "A socket could not be bound to its path, or does not listen."
        case .accept: "A client that knocked could not be let in."
        case .connect: "A server could not be reached."
        case .memoryFile: "A memory file could not be made, sized or sealed."
        case .map: "A file could not be mapped."
        case .mapRange: "A file is shorter than the range to map."
        case .entropy: "The kernel gave no random bytes."
        case .thread: "A thread could not be started."
        case .program: "A program could not be started."
        case .limit: "A resource limit could not be read or raised."
        case .processFiles: "/proc does not show this process."
        case .file: "A file or a directory could not be read, written or removed."
        case .blockFile:
            "A file or a device could not be opened as blocks, or somebody else uses it."
        case .block: "A block could not be read, written, flushed or discarded."
        case .ring: "The kernel gave no io_uring; threads do its work."
        case .console: "A console's terminal could not be opened, or no link to it be made."
        case .accelerator: "An accelerator has not what was asked of it."
        case .serviceManager: "The service manager could not be told."
        case .kvmNode: "/dev/kvm could not be opened, or is not KVM."
        case .kvmCapability: "The kernel's KVM lacks something that is needed."
        case .kvmMachine: "No virtual machine could be made."
        case .kvmChip: "The interrupt chip of a machine could not be made."
        case .kvmMemory: "Memory could not be shown to a guest."
        case .kvmRoutes: "The kernel did not take a machine's routes; the old ones are in force."
        case .kvmEvent: "An event could not be attached to an interrupt."
        case .kvmWatch: "An event could not be attached to a guest's writes."
        case .kvmMessage: "A message could not be delivered to a machine."
        case .kvmLine: "A pin of a machine could not be set."
        case .kvmProcessor: "A processor could not be made, set up or looked at."
        case .kvmRun: "The kernel cannot run a processor."
        }
    }

    /// What to try when the kernel's answer says nothing more specific.
    public var advice: String {
        switch identifier {
        case .descriptor: "Check that the descriptor is open in this process."
        case .descriptorKind: "Pass an eventfd for an interrupt, a file or memfd for memory."
        case .eventFD: "Check the limits of open descriptors and of kernel memory."
        case .timer: "Check the limits of open descriptors and of kernel memory."
        case .epoll: "Check that the descriptor is open and can be waited on."
        case .socket: "Check that the descriptor is an open AF_UNIX stream socket."
        case .socketPath: "Use a shorter path below an existing directory such as /run/carillon."
        case .listen: "Check that the directory exists and that nothing else serves this path."
        case .accept: "Let the client connect again."
        case .connect: "Check that the server runs and listens on this path."
        case .memoryFile: "Check the size, and that no seal forbids the change."
        case .map: "Check that the file can be mapped and was opened for the access asked for."
        case .mapRange: "Make the file at least as long as the range, then map it again."
        case .entropy: "Check that a seccomp filter allows getrandom."
        case .thread: "Raise the limit of threads (ulimit -u, or TasksMax= of the service)."
        case .program: "Check that it is there and can be executed, and the limit of processes."
        case .limit: "Raise the hard limit (LimitNOFILE= or LimitMEMLOCK= of the service)."
        case .processFiles: "Mount /proc in this process's file system."
        case .file: "Check the path, its owner and mode, and the space on its file system."
        case .blockFile:
            "Check the path, its owner and mode, and that it is a file or a block device."
        case .block: "Check the space of its file system, and the disk below."
        case .ring: "Check the sysctl kernel.io_uring_disabled and seccomp filters."
        case .console: "Check that /dev/pts is mounted, and the path of the link."
        case .accelerator: "An accelerator has not what was asked of it."
        case .serviceManager: "Check what NOTIFY_SOCKET names, or unset it."
        case .kvmNode: "Load the module kvm_intel or kvm_amd, and check the node's owner and mode."
        case .kvmCapability: "Use a newer kernel, or another interrupt chip (--chip)."
        case .kvmMachine: "Check the limits of open descriptors and of memory."
        case .kvmChip: "Try the other interrupt chip (--chip)."
        case .kvmMemory: "Check that it begins and ends at pages and overlaps nothing."
        case .kvmRoutes: "Interrupts go on without routes. Check the host's free memory."
        case .kvmEvent: "Interrupts go on without it. Attach each eventfd once only."
        case .kvmWatch: "Attach one event to each address, width and value."
        case .kvmMessage: "A machine takes messages once it has a chip and a processor."
        case .kvmLine: "Check that the machine has a chip with this pin."
        case .kvmProcessor: "Use fewer processors, and check the limits of memory."
        case .kvmRun: "See the kernel's log (dmesg)."
        }
    }
}
