public import DeviceModels
public import LinuxKernel
import Registers

/// Portals in a memory file that a client maps.
public final class MappedPortals: PortalMemory {
    private let memory: MemoryFile
    private let mapping: MappedMemory

    private static let pageBytes = 4096
    private static let lineBytes = 64
    /// Where flags and opcode lie in a descriptor.
    private static let operation = 4

    /// Portals of so many bytes, a power of two and at least a page.
    public init(bytes: Int) throws(HostError) {
        memory = try MemoryFile(name: "carillon-portals", size: UInt64(bytes), sealShrink: true)
        mapping = try MappedMemory(
            descriptor: memory.raw, offset: 0, length: bytes, access: .readWrite,
            subject: "portals of an accelerator")
    }

    /// The memory's file.
    public var file: Int32 { memory.raw }

    /// Takes what lies in the pages.
    public func take(
        pages: [Int], into found: inout [(page: Int, descriptor: DSADescriptor)]
    ) {
        for page in pages {
            for line in 0..<Self.pageBytes / Self.lineBytes {
                let offset = page * Self.pageBytes + line * Self.lineBytes
                guard
                    case .value(let operation) = mapping.loadAcquire32(
                        at: offset + Self.operation), operation != 0
                else { continue }
                var bytes: [64 of UInt8] = .init(repeating: 0)
                let copied = bytes.withMutableRawSpan { mapping.copyIn(from: offset, into: &$0) }
                let emptied = mapping.storeRelease32(0, at: offset + Self.operation)
                precondition(copied == .ok && emptied == .ok, "our own memory is there")
                found.append((page, bytes.withRawSpan { DSADescriptor($0) }))
            }
        }
    }
}
