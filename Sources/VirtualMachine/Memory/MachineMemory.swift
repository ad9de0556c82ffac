import KVM
import LinuxKernel
import MachineModels
public import PlatformTypes
import Registers

/// The memory of a machine: one file, which devices outside this program map too.
///
/// May be used from any thread; the guest reads and writes it at any moment.
public final class MachineMemory: GuestMemory, ThreadMemory, Sendable {
    /// One range of the guest's addresses.
    struct Part: Sendable {
        let addresses: Range<UInt64>
        /// Where in the file it begins.
        let offset: UInt64
        let mapping: MappedMemory
    }

    let parts: [Part]
    let file: MemoryFile

    /// Zeros, as `layout` says.
    ///
    /// - Throws: `HOST-MEMFD` or `HOST-MAP`.
    init(_ layout: MachineLayout) throws(HostError) {
        file = try MemoryFile(
            name: "carillon-machine", size: layout.memoryBytes, sealShrink: true)
        // A server could seal it against the next one otherwise.
        try file.sealSize()
        var parts: [Part] = []
        var offset: UInt64 = 0
        for addresses in [layout.lowMemory, layout.highMemory] where !addresses.isEmpty {
            let mapping = try MappedMemory(
                descriptor: file.raw, offset: offset, length: addresses.count,
                access: .readWrite, subject: "a machine's memory")
            parts.append(Part(addresses: addresses, offset: offset, mapping: mapping))
            offset += UInt64(addresses.count)
        }
        self.parts = parts
    }

    /// Shows it to the guest, in slots from 0 on.
    func show(in machine: VMFile) throws(HostError) {
        for (slot, part) in parts.enumerated() {
            try machine.map(
                part.mapping, 0..<part.addresses.count, at: part.addresses.lowerBound, slot: slot)
        }
    }

    private func place(
        _ address: IOVA, _ count: Int
    ) throws(DMAFault) -> (mapping: MappedMemory, offset: Int) {
        for part in parts where part.addresses.contains(address.rawValue) {
            let offset = Int(address.rawValue - part.addresses.lowerBound)
            guard count <= part.addresses.count - offset else { throw .unmapped }
            return (part.mapping, offset)
        }
        throw .unmapped
    }

    // MARK: As devices reach it

    /// Itself: it stays as it is for as long as the machine is.
    public var forThreads: (any ThreadMemory)? { self }

    /// Copies from `source` until `bytes` is full.
    public func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        let place = try place(source, bytes.byteCount)
        try check(place.mapping.copyIn(from: place.offset, into: &bytes))
    }

    /// Copies all of `bytes` to `target`.
    public func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        let place = try place(target, bytes.byteCount)
        try check(place.mapping.copyOut(bytes, to: place.offset))
    }

    /// Reads two naturally aligned bytes; later accesses stay later.
    public func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 {
        let place = try place(source, 2)
        switch place.mapping.loadAcquire16(at: place.offset) {
        case .value(let value): return value
        case .failed(let outcome): throw fault(outcome)
        }
    }

    /// Reads four naturally aligned bytes at once; later accesses stay later.
    public func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 {
        let place = try place(source, 4)
        switch place.mapping.loadAcquire32(at: place.offset) {
        case .value(let value): return value
        case .failed(let outcome): throw fault(outcome)
        }
    }

    /// Writes two naturally aligned bytes; earlier accesses stay earlier.
    public func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
        let place = try place(target, 2)
        try check(place.mapping.storeRelease16(value, at: place.offset))
    }

    /// Orders every earlier access before every later one.
    public func fullFence() { MappedMemory.fullFence() }

    /// Writes the data of a message that is no interrupt; false if no memory is at its address.
    func store(_ message: MSIMessage) -> Bool {
        do throws(DMAFault) {
            let place = try place(IOVA(message.address), 4)
            try check(place.mapping.storeRelease32(message.data, at: place.offset))
            return true
        } catch { return false }
    }

    private func check(_ outcome: MappedMemory.Outcome) throws(DMAFault) {
        if outcome != .ok { throw fault(outcome) }
    }

    private func fault(_ outcome: MappedMemory.Outcome) -> DMAFault {
        switch outcome {
        case .misaligned: .misaligned
        case .readOnly: .readOnly
        case .truncated: .truncated
        case .ok, .outOfBounds: .unmapped
        }
    }
}
