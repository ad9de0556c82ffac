import DeviceModels
import IRQDomains
import PlatformTypes
import Registers

/// A virtio entropy device whose driver comes when a test says so, with rings of its own.
final class VirtioMachine: QueueMachine<VirtioRNG<ScriptedEntropy>> {
    init(vectors: Int, entropy: ScriptedEntropy = ScriptedEntropy()) throws {
        try super.init(VirtioRNG(source: entropy), vectors: vectors)
    }

    func isr() -> UInt64 { get(4096, .byte) }

    func enableMSIX() {
        var offset = Int(endpoint.readConfig(at: 0x34, .byte))
        while endpoint.readConfig(at: offset, .byte) != 0x11 {
            offset = Int(endpoint.readConfig(at: offset + 1, .byte))
        }
        endpoint.writeConfig(0x8000, at: offset + 2, .word)
    }

    /// Agrees on VERSION_1 and starts a queue of eight: descriptors at 0x1000, used at 0x3000.
    func start(available: UInt64 = 0x2000) {
        set(20, 3, .byte)
        set(8, 1, .dword)
        set(12, 1, .dword)
        set(20, 0x0b, .byte)
        set(24, 8, .word)
        set(32, 0x1000, .qword)
        set(40, available, .qword)
        set(48, 0x3000, .qword)
        set(28, 1, .word)
        set(20, 0x0f, .byte)
    }

    /// Describes one buffer in descriptor 0, followed by itself if `flags` says so, and offers it.
    func offer(at address: UInt64, length: UInt32, flags: UInt16) {
        memory.store(address, at: 0x1000)
        memory.store(length, at: 0x1008)
        memory.store(flags, at: 0x100c)
        memory.store(UInt16(0), at: 0x100e)
        memory.store(UInt16(0), at: 0x2004)
        memory.store(UInt16(1), at: 0x2002)
    }
}

/// 64 KiB of guest memory from address 0.
final class RecordingMemory: GuestMemory {
    /// Called after every store to the used ring's index.
    var onUsedIndex: (RecordingMemory) -> Void = { _ in }
    private var bytes = [UInt8](repeating: 0, count: 65536)

    func load16(_ offset: Int) -> UInt16 {
        UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    }

    func byte(_ offset: Int) -> UInt8 { bytes[offset] }

    func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for byte in 0..<Value.bitWidth / 8 {
            bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> Value(8 * byte))
        }
    }

    func copyIn(from source: IOVA, into target: inout MutableRawSpan) throws(DMAFault) {
        let start = try place(source, target.byteCount)
        for index in 0..<target.byteCount {
            target.storeBytes(of: bytes[start + index], toByteOffset: index, as: UInt8.self)
        }
    }

    func copyOut(_ source: RawSpan, to target: IOVA) throws(DMAFault) {
        let start = try place(target, source.byteCount)
        for index in 0..<source.byteCount {
            bytes[start + index] = source.littleEndian(at: index, as: UInt8.self)
        }
    }

    func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 {
        guard source.rawValue & 1 == 0 else { throw .misaligned }
        return load16(try place(source, 2))
    }

    func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 {
        guard source.rawValue & 3 == 0 else { throw .misaligned }
        let start = try place(source, 4)
        return (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
    }

    func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
        guard target.rawValue & 1 == 0 else { throw .misaligned }
        store(value, at: try place(target, 2))
        if target.rawValue == 0x3002 { onUsedIndex(self) }
    }

    func fullFence() {}

    private func place(_ address: IOVA, _ count: Int) throws(DMAFault) -> Int {
        guard address.rawValue <= UInt64(bytes.count - count) else { throw .unmapped }
        return Int(address.rawValue)
    }
}

/// Entropy that is all 0xa5, and fails at the calls it is told to fail at.
struct ScriptedEntropy: EntropySource {
    var failing: Set<Int> = []
    private var calls = 0

    init(failing: Set<Int> = []) { self.failing = failing }

    mutating func fill(_ bytes: inout MutableRawSpan) -> Bool {
        defer { calls += 1 }
        guard !failing.contains(calls) else { return false }
        for index in 0..<bytes.byteCount {
            bytes.storeBytes(of: 0xa5, toByteOffset: index, as: UInt8.self)
        }
        return true
    }
}
