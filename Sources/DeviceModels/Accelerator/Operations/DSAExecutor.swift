import PlatformTypes
import Registers

extension DSACapabilities {
    func fault(of descriptor: DSADescriptor) -> DSAStatus? {
        descriptor.opcode == nil ? .opcode : nil
    }
}

struct DSAExecutor: ~Copyable {
    private var piece = [UInt8](repeating: 0, count: 65536)

    mutating func perform(
        _ descriptor: DSADescriptor, in memory: borrowing some ThreadMemory,
        as capabilities: DSACapabilities
    ) -> DSACompletion {
        if let fault = capabilities.fault(of: descriptor) { return DSACompletion(fault) }
        var completion = DSACompletion(.success)
        guard descriptor.opcode == .memoryMove else { return completion }
        var done = 0
        let size = Int(descriptor.transferSize)
        while done < size {
            let count = min(size - done, piece.count)
            do throws(DMAFault) {
                try piece.withMutableRawSpan { bytes throws(DMAFault) in
                    var part = bytes._mutatingExtracting(0..<count)
                    try memory.copyIn(from: IOVA(descriptor.source &+ UInt64(done)), into: &part)
                    try memory.copyOut(part.bytes, to: IOVA(descriptor.destination &+ UInt64(done)))
                }
            } catch {
                completion.status = .pageFault
                completion.bytesCompleted = UInt32(done)
                return completion
            }
            done += count
        }
        completion.bytesCompleted = UInt32(size)
        return completion
    }
}
