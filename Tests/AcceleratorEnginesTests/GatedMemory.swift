import LinuxKernel
import PlatformTypes
import Registers
import Synchronization

/// Memory for engines that remembers who came and can keep them waiting.
final class GatedMemory: ThreadMemory {
    private struct State {
        var bytes = [UInt8](repeating: 0, count: 0x4000)
        var log: [String] = []
    }

    private let state = Mutex(State())
    /// An access to the gate's page has begun, and waits.
    let entered = ThreadSemaphore()
    /// Lets one of them go on.
    let gate = ThreadSemaphore()
    /// Reads of this page wait at the gate.
    static let gatedPage: UInt64 = 0x3000

    func note(_ word: String) { state.withLock { $0.log.append(word) } }
    var log: [String] { state.withLock { $0.log } }

    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        let start = source.rawValue
        guard start <= 0x4000, Int(start) + bytes.byteCount <= 0x4000 else { throw .unmapped }
        if start / 0x1000 == Self.gatedPage / 0x1000 {
            entered.post()
            gate.wait()
            note("leaves \(start & 0xfff)")
        }
        let copied = state.withLock { Array($0.bytes[Int(start)..<Int(start) + bytes.byteCount]) }
        for (index, byte) in copied.enumerated() {
            bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
    }

    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        let start = Int(truncatingIfNeeded: target.rawValue)
        guard start >= 0, start + bytes.byteCount <= 0x4000 else { throw .unmapped }
        let copied = (0..<bytes.byteCount).map { bytes.littleEndian(at: $0, as: UInt8.self) }
        state.withLock { $0.bytes.replaceSubrange(start..<start + copied.count, with: copied) }
    }

    subscript(_ offset: Int) -> UInt8 {
        get { state.withLock { $0.bytes[offset] } }
        set { state.withLock { $0.bytes[offset] = newValue } }
    }

    /// Puts QWORDs into memory.
    func put(_ words: [UInt64], at offset: Int) {
        var bytes: [UInt8] = []
        for word in words { bytes.appendLittleEndian(word) }
        state.withLock { $0.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
    }
}
