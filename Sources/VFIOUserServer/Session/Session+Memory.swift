import DeviceModels
import LinuxKernel
import Registers
import VFIOInterface
import VFIOUserWire

/// Changes of the guest memory that the client lends.
extension Session {
    /// Maps a range. Without a descriptor it is known but not reachable, as the ROM and BARs of
    /// other devices are.
    func perform(
        _ map: DMAMapRequest, _ descriptors: inout ReceivedDescriptors
    ) throws(RequestRefusal) {
        if let refusal = device.memory.canMap(map.addresses) { throw RequestRefusal(refusal) }
        var memory: MappedMemory?
        if let descriptor = descriptors.takeFirst() {
            memory = try mapping(of: map, descriptor)
        }
        do throws(DMAMap.Refusal) {
            try device.endpoint.changeMemory { () throws(DMAMap.Refusal) in
                try device.memory.map(map.addresses, access: map.flags, memory: memory)
            }
        } catch { throw RequestRefusal(error) }
    }

    func perform(
        _ unmap: DMAUnmapRequest, _ header: MessageHeader, into output: inout [UInt8]
    ) throws(RequestRefusal) {
        guard unmap.bitmap == nil else {
            throw RequestRefusal(.notSupported, "dirty-pages-not-tracked")
        }
        switch try scope(of: unmap) {
        case .all: device.endpoint.changeMemory { device.memory.removeAll() }
        case .addresses(let range): try remove(range)
        }
        Reply.append(to: header, into: &output) {
            DMAUnmapReply.encode(unmap, into: &$0)
        }
    }

    private func scope(
        of unmap: DMAUnmapRequest
    ) throws(RequestRefusal) -> DMAUnmapRequest.Scope {
        do throws(WireViolation) {
            return try unmap.scope(agreement?.profile.unmapFlagBits ?? .specified)
        } catch { throw RequestRefusal(.invalidArgument, error.name) }
    }

    private func remove(_ range: ClosedRange<UInt64>) throws(RequestRefusal) {
        do throws(DMAMap.Refusal) {
            try device.endpoint.changeMemory { () throws(DMAMap.Refusal) in
                _ = try device.memory.unmap(range)
            }
        } catch { throw RequestRefusal(error) }
    }

    /// Maps the file behind a verified descriptor; the descriptor itself is not kept.
    private func mapping(
        of map: DMAMapRequest, _ descriptor: consuming OwnedDescriptor
    ) throws(RequestRefusal) -> MappedMemory {
        guard let file = map.fileRange else {
            throw RequestRefusal(.invalidArgument, "file-range-overflow")
        }
        do throws(HostError) {
            return try MappedMemory(
                descriptor: descriptor.raw, offset: UInt64(file.lowerBound), length: file.count,
                access: map.flags.contains(.write) ? .readWrite : .readOnly,
                subject: "memory of the client of \(device.name)")
        } catch {
            observe(.hostError(device: device.name, error: error))
            throw RequestRefusal(.invalidArgument, error.code.description)
        }
    }
}
