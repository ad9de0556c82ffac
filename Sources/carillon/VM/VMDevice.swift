import ArgumentParser
import DeviceModels
import Foundation
import LinuxKernel
import MessageSignaledInterrupts
import VFIOUserServer
import VirtualMachine

/// A device of a machine as `--device` says it: its kind, and what it is to have.
struct VMDevice: ExpressibleByArgument, Sendable {
    enum Kind: String, CaseIterable {
        case virtioRNG = "virtio-rng"
        case virtioBlock = "virtio-blk"
        case interruptTester = "interrupt-tester"
        case vfioUser = "vfio-user"
    }

    let kind: Kind
    let options: [String: String]
    /// As it was said.
    let text: String

    init?(argument: String) {
        var parts = argument.split(separator: ",", omittingEmptySubsequences: false)[...]
        guard let kind = Kind(rawValue: String(parts.removeFirst())) else { return nil }
        var options: [String: String] = [:]
        for part in parts {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(sides[0])
            guard kind.options.contains(name), options[name] == nil else { return nil }
            options[name] = sides.count == 2 ? String(sides[1]) : ""
        }
        self.kind = kind
        self.options = options
        text = argument
        guard isValid else { return nil }
    }

    /// The blocks at `path`, whatever characters it has.
    init(disk path: String) {
        kind = .virtioBlock
        options = ["image": path]
        text = path
    }

    static let forms = [
        "virtio-rng[,vectors=N][,slot=N]",
        "virtio-blk,image=PATH[,queues=N][,serial=TEXT][,read-only][,slot=N]",
        "interrupt-tester[,msix=N][,msi=N][,ims=N][,no-intx][,slot=N]",
        "vfio-user,socket=PATH[,slot=N]",
    ]

    var defaultValueDescription: String { text }

    private var isValid: Bool {
        let numbers: [(String, ClosedRange<Int>)] = [
            ("slot", 1...31), ("vectors", 1...2048), ("msix", 0...2048), ("msi", 0...32),
            ("ims", 0...2048), ("queues", BlockDevice.queueRange),
        ]
        for (name, range) in numbers {
            if let text = options[name], Int(text).map(range.contains) != true { return false }
        }
        if let count = number("msi"), count.nonzeroBitCount > 1 { return false }
        if options["serial"]?.utf8.count ?? 0 > BlockDevice.serialBytes { return false }
        switch kind {
        case .virtioBlock: return options["image"]?.isEmpty == false
        case .vfioUser: return options["socket"]?.isEmpty == false
        case .interruptTester: return tester != nil
        case .virtioRNG: return true
        }
    }

    private func number(_ name: String) -> Int? { options[name].flatMap { Int($0) } }

    /// Adds the device, called `name`, to `machine`.
    func add(to machine: Machine, as name: String) throws(MachineError) {
        let slot = number("slot")
        switch kind {
        case .virtioRNG:
            let vectors = number("vectors")
            try machine.add(name, slot: slot) {
                VirtioPCI(VirtioRNG(source: KernelEntropy()), vectors: vectors)
            }
        case .virtioBlock: try addBlocks(to: machine, as: name, slot)
        case .interruptTester:
            guard let model = tester else { preconditionFailure("a tester was checked") }
            try machine.add(name, slot: slot) { model }
        case .vfioUser:
            try machine.connect(name, slot: slot, socket: options["socket"] ?? "")
        }
    }

    private func addBlocks(
        to machine: Machine, as name: String, _ slot: Int?
    ) throws(MachineError) {
        let blocks = BlockDevice(
            path: options["image"] ?? "", isReadOnly: options["read-only"] != nil,
            queues: number("queues") ?? 1, serial: options["serial"] ?? "")
        try machine.add(name, slot: slot) { () throws(HostError) in
            try blocks.open(vectors: nil) { error in
                FileHandle.standardError.write(Data("carillon: \(name): \(error)\n".utf8))
            }
        }
    }

    /// The tester; nil if there can be none like it.
    private var tester: InterruptTester? {
        let messages = MSILayout(messages: number("msi") ?? 32)
        return try? InterruptTester(
            .init(
                vectors: number("msix") ?? 2048, messages: messages,
                hasPin: options["no-intx"] == nil, slots: number("ims") ?? 0))
    }
}

extension VMDevice.Kind {
    /// The options that it takes.
    fileprivate var options: Set<String> {
        switch self {
        case .virtioRNG: ["vectors", "slot"]
        case .virtioBlock: ["image", "queues", "serial", "read-only", "slot"]
        case .interruptTester: ["msix", "msi", "ims", "no-intx", "slot"]
        case .vfioUser: ["socket", "slot"]
        }
    }
}
