import LinuxKernel
import MachineModels
import Registers

/// A file that a machine can run.
public enum MachineImage: Sendable {
    /// A freestanding program: an ELF executable for 64-bit mode.
    case payload(path: String, arguments: String)
    /// A Linux kernel as a bzImage, with its initial file system and command line.
    case kernel(path: String, initrd: String?, commandLine: String)

    /// Reads the file, and says where everything goes.
    func program(
        for layout: MachineLayout, isSplit: Bool
    ) throws(MachineError) -> MachineProgram {
        switch self {
        case .payload(let path, let arguments):
            var options = PayloadImage.Options()
            options.arguments = arguments
            options.isInterruptChipSplit = isSplit
            return try Self.payload(path, options, layout)
        case .kernel(let path, let initrd, let commandLine):
            return try Self.kernel(path, initrd, commandLine, layout)
        }
    }

    private static func payload(
        _ path: String, _ options: PayloadImage.Options, _ layout: MachineLayout
    ) throws(MachineError) -> MachineProgram {
        let file = try open(path)
        let boot: PayloadBoot
        do throws(ImageRefusal) {
            boot = try file.withRawSpan { (bytes) throws(ImageRefusal) in
                try PayloadImage(bytes).place(in: layout, options)
            }
        } catch { throw .image(path: path, error) }
        return MachineProgram(
            blocks: boot.blocks, parts: boot.segments.map { (file, $0) },
            start: .all { boot.entry(processor: $0) })
    }

    private static func kernel(
        _ path: String, _ initrd: String?, _ commandLine: String, _ layout: MachineLayout
    ) throws(MachineError) -> MachineProgram {
        let file = try open(path)
        let system: [UInt8]? = if let initrd { try open(initrd) } else { nil }
        let boot: LinuxBoot
        do throws(ImageRefusal) {
            boot = try file.withRawSpan { (bytes) throws(ImageRefusal) in
                try LinuxImage(bytes).place(
                    in: layout, commandLine: commandLine, initrdBytes: system?.count ?? 0)
            }
        } catch { throw .image(path: path, error) }
        var parts = [(file: file, placement: boot.kernel)]
        if let system, let placement = boot.initrd { parts.append((system, placement)) }
        return MachineProgram(
            blocks: boot.blocks + FirmwareTables.acpi(layout).blocks, parts: parts,
            start: .first(boot.entry))
    }

    private static func open(_ path: String) throws(MachineError) -> [UInt8] {
        do throws(HostError) {
            return try DurableFile.contents(path, limit: largestFile)
        } catch { throw .host(error) }
    }

    private static let largestFile = 1 << 30
}
