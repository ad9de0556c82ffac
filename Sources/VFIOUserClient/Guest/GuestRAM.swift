public import LinuxKernel
public import PlatformTypes
import Registers
import VFIOInterface

/// Memory of a guest: a file that the server maps too, at an address on the device's bus.
public final class GuestRAM {
    /// Where the device sees its first byte.
    public let base: IOVA
    /// Its size in bytes.
    public let size: Int
    let file: MemoryFile
    private let mapping: MappedMemory

    /// Makes `size` bytes of zeros that begin at `base`.
    public init(base: IOVA, size: Int) throws(HostError) {
        self.base = base
        self.size = size
        file = try MemoryFile(name: "carillon-guest", size: UInt64(size), sealShrink: true)
        mapping = try MappedMemory(
            descriptor: file.raw, offset: 0, length: size, access: .readWrite,
            subject: "the guest's memory")
    }

    /// Stores `bytes` at `offset`.
    ///
    /// - Precondition: they lie within the memory.
    public func write(_ bytes: [UInt8], at offset: Int) {
        let outcome = bytes.withRawSpan { mapping.copyOut($0, to: offset) }
        precondition(outcome == .ok, "a guest writes inside its memory")
    }

    /// The `count` bytes at `offset`.
    ///
    /// - Precondition: they lie within the memory.
    public func read(_ count: Int, at offset: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = bytes.withMutableRawSpan { mapping.copyIn(from: offset, into: &$0) }
        precondition(outcome == .ok, "a guest reads inside its memory")
        return bytes
    }

    /// Stores an aligned 16-bit value after everything stored before.
    public func storeReleasing16(_ value: UInt16, at offset: Int) {
        precondition(
            mapping.storeRelease16(value, at: offset) == .ok, "a guest writes inside its memory")
    }

    /// Loads an aligned 16-bit value before everything loaded after.
    public func loadAcquiring16(at offset: Int) -> UInt16 {
        guard case .value(let value) = mapping.loadAcquire16(at: offset) else {
            preconditionFailure("a guest reads inside its memory")
        }
        return value
    }
}
