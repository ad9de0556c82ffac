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
            case limit = "HOST-LIMIT"
            case processFiles = "HOST-PROC"
            case file = "HOST-FILE"
            case blockFile = "HOST-BLOCK-FILE"
            case block = "HOST-BLOCK"
            case ring = "HOST-RING"
            case console = "HOST-CONSOLE"
            case accelerator = "HOST-ACCELERATOR"
            case serviceManager = "HOST-NOTIFY"
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
        }
    }
}
