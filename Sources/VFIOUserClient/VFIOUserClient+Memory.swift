import LinuxKernel
import PlatformTypes
import Registers
public import VFIOInterface
public import VFIOUserWire

/// Guest memory that the client lends to the device (DMA_MAP, DMA_UNMAP).
extension VFIOUserClient {
    /// Maps all of `ram` where it begins on the device's bus.
    public func map(
        _ ram: GuestRAM, access: DMAFlags = [.read, .write]
    ) throws(ClientError) {
        let last = ram.base.rawValue + UInt64(ram.size - 1)
        try map(
            DMAMapRequest(flags: access, fileOffset: 0, addresses: ram.base.rawValue...last),
            descriptor: ram.file.raw)
    }

    /// Maps what `request` says, with or without a descriptor for the memory.
    public func map(_ request: DMAMapRequest, descriptor: CInt? = nil) throws(ClientError) {
        try channel.call(.dmaMap, descriptors: descriptor.map { [$0] } ?? []) {
            request.encode(into: &$0)
        } read: { _ throws(WireViolation) in
        }
    }

    /// Takes `ram` back.
    public func unmap(_ ram: GuestRAM) throws(ClientError) {
        let last = ram.base.rawValue + UInt64(ram.size - 1)
        try unmap(DMAUnmapRequest(addresses: ram.base.rawValue...last))
    }

    /// Unmaps what `request` says.
    public func unmap(_ request: DMAUnmapRequest) throws(ClientError) {
        try channel.call(.dmaUnmap) {
            request.encode(into: &$0)
        } read: { _ throws(WireViolation) in
        }
    }
}
