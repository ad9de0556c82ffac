import ArgumentParser
import DeviceModels
import IRQDomains
import PlatformTypes

/// By what the parent signals events of its devices, as `--backing` says it: KIND or KIND:COUNT.
struct BackingOption: ExpressibleByArgument {
    let backing: Backing
    let count: Int?

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let backing = Backing(rawValue: String(parts[0]))
        else { return nil }
        self.backing = backing
        guard parts.count == 2 else {
            count = nil
            return
        }
        guard let count = Int(parts[1]), backing != .software else { return nil }
        self.count = count
    }
}

/// Processors as `--affinity` lists them.
struct CPUListOption: ExpressibleByArgument {
    let processors: CPUSet

    init?(argument: String) {
        guard let processors = CPUSet(argument) else { return nil }
        self.processors = processors
    }
}

/// What each vector of a parent takes a part of.
struct DomainOptions: ParsableArguments {
    @Option(
        help: "How many interrupt vectors the parent has. Default: as many as the devices need.")
    var vectors: Int?

    @Option(
        help: """
            Have each vector also take an entry of a remapping table with so many, such as 65536, \
            512 or 2048.
            """)
    var remappingEntries: Int?

    @Option(
        help: """
            Have each vector be one of so many processors, which have 202 each; --vectors is then \
            not given.
            """)
    var processors: Int?

    @Option(
        help: ArgumentHelp(
            """
            The processors where devices' interrupts go while they have a vector left, as in \
            0,2-5. Needs --processors.
            """, valueName: "list"))
    var affinity: CPUListOption?

    @Flag(
        help: """
            Set a vector aside for each interrupt on each processor of --affinity, so that it can \
            always move among them.
            """)
    var managed = false

    @Flag(
        help: """
            Promise more interrupts than processors have vectors, as Linux does: one that cannot \
            be made active is refused when somebody wants to receive it.
            """)
    var lateVectors = false

    @Option(
        help: ArgumentHelp(
            """
            By what the parent signals events to its host: software (the default: a call of the \
            program), or intx, msi, msi-x or ims, and how many of them it has. Several kinds are \
            taken in the order in which they are given. The guest sees no difference.
            """, valueName: "kind[:count]"))
    var backing: [BackingOption] = []

    @Flag(help: "Offer no interrupt message store to a guest unless messages are remapped.")
    var imsNeedsRemapping = false

    private var functions: [BackingOption] { backing.filter { $0.backing != .software } }

    func validate() throws {
        guard (0...1_000_000).contains(vectors ?? 0) else {
            throw ValidationError("--vectors takes a number from 0 to 1000000.")
        }
        guard (0...65_536).contains(remappingEntries ?? 0), (1...4096).contains(processors ?? 1),
            processors == nil || vectors == nil
        else {
            throw ValidationError(
                "--remapping-entries takes a number from 0 to 65536, and --processors one from 1 "
                    + "to 4096, in place of --vectors.")
        }
        guard affinity == nil || processors != nil, !managed || affinity != nil,
            !lateVectors || processors != nil && (remappingEntries != nil || !functions.isEmpty)
        else {
            throw ValidationError(
                "--affinity needs --processors, --managed needs --affinity, and --late-vectors "
                    + "needs --processors and --remapping-entries or --backing.")
        }
        guard affinity?.processors.processors.allSatisfy({ $0 < processors ?? 0 }) ?? true else {
            throw ValidationError("--affinity names processors below --processors.")
        }
        guard functions.count == backing.count || backing.count == 1 else {
            throw ValidationError("--backing software goes with no other kind.")
        }
        guard functions.isEmpty || device(needed: 1) != nil else {
            throw ValidationError(
                "--backing names each kind once, with 1, 2, 4, 8, 16 or 32 messages of msi and 1 "
                    + "to 2048 of each other kind.")
        }
        for option in functions where option.backing == .msi {
            let messages = option.count ?? 32
            guard messages == 1 || remappingEntries ?? (processors == nil ? .max : 0) >= messages,
                remappingEntries != nil || processors != nil || vectors ?? .max >= messages
            else {
                throw ValidationError(
                    "Several messages of msi need as many --remapping-entries or --vectors in a "
                        + "row: vectors of processors are not taken in rows.")
            }
        }
    }

    /// The domains of a parent whose devices need so many vectors in all.
    func chain(needed: Int) -> DomainChain {
        let device = device(needed: needed)
        let root: DomainChain.Root =
            processors.map { .vector(VectorDomain(processors: $0, keepsPromises: !lateVectors)) }
            ?? .counted(
                CountedDomain(.event, capacity: vectors ?? max(needed, device?.capacity ?? 0)))
        return DomainChain(
            device: device, remapping: remappingEntries.map { RemappingDomain(entries: $0) },
            root: root)
    }

    /// Where devices' interrupts go.
    var vectorAffinity: VectorAffinity? {
        affinity.map { VectorAffinity($0.processors, isManaged: managed) }
    }

    private func device(needed: Int) -> DeviceDomain? {
        DeviceDomain(
            functions.map { ($0.backing, $0.count ?? Self.count(of: $0.backing, for: needed)) },
            requester: RequesterID(0))
    }

    /// As many as are needed and can be.
    private static func count(of backing: Backing, for needed: Int) -> Int {
        let limit = backing == .msi ? 32 : VectorIndex.tableLimit
        let count = min(max(needed, 1), limit)
        guard backing == .msi else { return count }
        return count.nonzeroBitCount == 1 ? count : 1 << (Int.bitWidth - count.leadingZeroBitCount)
    }
}
