import KVM
import MachineModels
import PlatformTypes
import Registers

/// What a machine runs: where its parts lie in memory, and how its processors begin.
struct MachineProgram: Sendable {
    /// How processors begin.
    enum Start: Sendable {
        /// The first one here; the others wait for INIT and SIPI.
        case first(LongModeEntry)
        /// Every one of them.
        case all(@Sendable (Int) -> LongModeEntry)
    }

    let blocks: [GuestBlock]
    /// Parts of files, each with the file that it comes from.
    let parts: [(file: [UInt8], placement: FilePlacement)]
    let start: Start

    /// Copies everything into `memory`.
    ///
    /// - Precondition: it was placed in a layout of this memory.
    func load(into memory: MachineMemory) {
        for block in blocks {
            block.bytes.withRawSpan { Self.store($0, at: block.address, in: memory) }
        }
        for (file, placement) in parts {
            let bytes = placement.fileOffset..<placement.fileOffset + placement.length
            file.withRawSpan {
                Self.store($0.extracting(bytes), at: placement.address, in: memory)
            }
        }
    }

    private static func store(_ bytes: RawSpan, at address: UInt64, in memory: MachineMemory) {
        do throws(DMAFault) {
            try memory.copyOut(bytes, to: IOVA(address))
        } catch { preconditionFailure("a program is placed in its machine's memory: \(error)") }
    }
}

extension LongModeStart {
    init(_ entry: LongModeEntry) {
        self.init(
            instruction: entry.rip, pageTables: entry.cr3, descriptors: entry.gdtBase,
            descriptorsLimit: entry.gdtLimit)
        stack = entry.rsp
        firstArgument = entry.rdi
        secondArgument = entry.rsi
    }
}
