public import DeviceModels
public import LinuxKernel

/// Blocks in a file or on a block device of the host.
public struct FileStorage: BlockStorage {
    private let file: BlockFile

    /// The blocks of `file`.
    public init(_ file: BlockFile) { self.file = file }

    /// Bytes of the file, or of the part of it.
    public var byteCount: UInt64 { file.byteCount }

    /// The block of the device below.
    public var blockBytes: Int { file.blockBytes }

    /// Whether it was opened so.
    public var isReadOnly: Bool { file.isReadOnly }

    /// The descriptor of its ring, or of its workers.
    public var descriptor: Int32 { file.descriptor }

    /// A place with so many bytes of memory, if there is one.
    public func take(bytes: Int) -> Int? { file.take(bytes: bytes) }

    /// Reaches the memory of a place.
    public func withMemory<Failure>(
        of place: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        try file.withMemory(of: place, body)
    }

    /// Begins a request, which runs from the next `submit` on.
    public func begin(_ operation: BlockOperation, in place: Int) {
        switch operation {
        case .read(let offset, let count):
            file.begin(.read, at: offset, count: count, in: place)
        case .write(let offset, let count, let durably):
            file.begin(.write(durably: durably), at: offset, count: count, in: place)
        case .flush: file.begin(.flush, in: place)
        case .discard(let offset, let count):
            file.begin(.discard, at: offset, count: count, in: place)
        case .writeZeroes(let offset, let count, let mayUnmap):
            file.begin(
                .writeZeroes(mayUnmap: mayUnmap), at: offset, count: count, in: place)
        }
    }

    /// Hands what was begun to the host.
    public func submit() { file.submit() }

    /// A request that has ended.
    public func nextEnded() -> (place: Int, outcome: BlockOutcome)? {
        guard let (place, outcome) = file.nextEnded() else { return nil }
        return switch outcome {
        case .done: (place, .done)
        case .failed: (place, .failed)
        case .unsupported: (place, .unsupported)
        }
    }

    /// Gives a place back.
    public func giveBack(_ place: Int) { file.giveBack(place) }
}
