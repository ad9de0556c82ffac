import DeviceModels
import Registers
import VFIOInterface
import VFIOUserWire

/// Reads and writes of regions. An access of any length becomes the fewest aligned accesses of 1,
/// 2, 4 or 8 bytes, in ascending order (rule VU-9).
extension Session {
    func perform(
        _ read: RegionReadRequest, _ header: MessageHeader, into output: inout [UInt8]
    ) throws(RequestRefusal) {
        try check(read.access)
        guard let data = Reply.appendRegionRead(read.access, to: header, into: &output) else {
            return
        }
        var offset = Int(read.access.range.lowerBound)
        var position = data.lowerBound
        while position < data.upperBound {
            let width = Self.width(at: offset, left: data.upperBound - position)
            let value = load(read.access.region, offset, width)
            for byte in 0..<width.bytes {
                output[position + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
            }
            offset += width.bytes
            position += width.bytes
        }
    }

    func perform(
        _ write: RegionWriteRequest, _ header: MessageHeader, _ payload: RawSpan,
        into output: inout [UInt8]
    ) throws(RequestRefusal) {
        try check(write.access)
        var offset = Int(write.access.range.lowerBound)
        var position = write.data.lowerBound
        while position < write.data.upperBound {
            let width = Self.width(at: offset, left: write.data.upperBound - position)
            store(payload.value(at: position, width), write.access.region, offset, width)
            offset += width.bytes
            position += width.bytes
        }
        Reply.appendRegionWrite(write.access, to: header, into: &output)
    }

    /// Every write is checked before the first is done, so that a refusal changes nothing.
    func perform(
        _ multi: RegionWriteMultiRequest, _ header: MessageHeader, _ payload: RawSpan,
        into output: inout [UInt8]
    ) throws(RequestRefusal) {
        guard agreement?.server.writeMultiple == true else {
            throw RequestRefusal(.notSupported, "write-multiple-not-agreed")
        }
        for number in 0..<multi.count { try check(multi.write(number, in: payload).access) }
        for number in 0..<multi.count {
            let write = multi.write(number, in: payload)
            var data = write.data
            var offset = Int(write.access.range.lowerBound)
            var left = write.access.count
            while left > 0 {
                let width = Self.width(at: offset, left: left)
                store(data & width.allOnes, write.access.region, offset, width)
                data = width == .qword ? 0 : data >> UInt64(8 * width.bytes)
                offset += width.bytes
                left -= width.bytes
            }
        }
        Reply.append(to: header, into: &output) {
            RegionWriteMultiReply(count: UInt64(multi.count)).encode(into: &$0)
        }
    }

    private func check(_ access: RegionAccess) throws(RequestRefusal) {
        guard access.range.upperBound <= regionSize(access.region) else {
            throw RequestRefusal(.invalidArgument, "beyond-the-region")
        }
    }

    private func load(_ region: RegionIndex, _ offset: Int, _ width: AccessWidth) -> UInt64 {
        guard let bar = region.barNumber else {
            return device.endpoint.readConfig(at: offset, width)
        }
        return device.endpoint.readBAR(BARAccess(bar: bar, offset: offset, width: width))
    }

    private func store(
        _ value: UInt64, _ region: RegionIndex, _ offset: Int, _ width: AccessWidth
    ) {
        guard let bar = region.barNumber else {
            return device.endpoint.writeConfig(value, at: offset, width)
        }
        device.endpoint.writeBAR(value, BARAccess(bar: bar, offset: offset, width: width))
    }

    /// The widest access that is aligned at `offset` and no longer than `left` bytes.
    private static func width(at offset: Int, left: Int) -> AccessWidth {
        if offset & 7 == 0, left >= 8 { return .qword }
        if offset & 3 == 0, left >= 4 { return .dword }
        if offset & 1 == 0, left >= 2 { return .word }
        return .byte
    }
}

extension RawSpan {
    /// The little-endian value of `width` at `offset`.
    fileprivate func value(at offset: Int, _ width: AccessWidth) -> UInt64 {
        switch width {
        case .byte: UInt64(littleEndian(at: offset, as: UInt8.self))
        case .word: UInt64(littleEndian(at: offset, as: UInt16.self))
        case .dword: UInt64(littleEndian(at: offset, as: UInt32.self))
        case .qword: littleEndian(at: offset, as: UInt64.self)
        }
    }
}
