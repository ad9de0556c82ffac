import ArgumentParser
import DeviceModels
import LinuxKernel
import VFIOUserServer

/// A `virtio-blk` as it is to be: where its blocks are, and how it looks.
struct BlockDevice: Sendable {
    /// A regular file or a block device.
    var path: String
    /// The bytes of it that are the device's; nil for all.
    var part: Range<UInt64>?
    /// How many bytes the file is to have, which is made if it is not there; nil to take it as it
    /// is.
    var created: UInt64?
    var isReadOnly = false
    var queues = 1
    var serial = ""

    /// Opens the file, and makes a device of it whose table shows no more than `vectors`.
    func open(
        vectors: Int?, onError: @escaping (HostError) -> Void
    ) throws(HostError) -> VirtioPCI<VirtioBlock<BlockFile>> {
        if let created { try BlockSpace.provide(path, bytes: created) }
        let file = try BlockFile(
            path: path, part: part, isReadOnly: isReadOnly, onError: onError)
        return VirtioPCI(
            VirtioBlock(storage: file, queues: queues, serial: serial),
            vectors: vectors)
    }
}

/// What a `virtio-blk` is to have.
struct BlockOptions: ParsableArguments {
    @Option(
        name: .customLong("image"),
        help: ArgumentHelp(
            """
            A file or a block device with the device's blocks; given as often as --socket. Nobody \
            else can write to it meanwhile.
            """, valueName: "path"))
    var images: [String] = []

    @Flag(help: "Refuse writes. Several read-only devices can share an image.")
    var readOnly = false

    @Option(help: "Request queues, 1 to 64; each has a vector of its own. Default: 1.")
    var queues: Int?

    @Option(help: "What the guest reads as the serial number; 20 bytes at most.")
    var serial: String?

    /// Whether any of these was given.
    var isGiven: Bool { !images.isEmpty || readOnly || queues != nil || serial != nil }

    /// The devices that they describe.
    var devices: [BlockDevice] {
        images.map {
            BlockDevice(
                path: $0, isReadOnly: readOnly, queues: queues ?? 1, serial: serial ?? "")
        }
    }

    func validate() throws {
        guard BlockDevice.queueRange.contains(queues ?? 1) else {
            throw ValidationError("--queues takes a number from 1 to 64.")
        }
        guard serial?.utf8.count ?? 0 <= BlockDevice.serialBytes else {
            throw ValidationError("--serial takes 20 bytes at most.")
        }
    }
}

extension BlockDevice {
    static let queueRange = 1...VirtioBlock<BlockFile>.mostQueues
    static let serialBytes = VirtioBlock<BlockFile>.serialBytes
}
