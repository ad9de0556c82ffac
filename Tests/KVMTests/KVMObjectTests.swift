import Foundation
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// What `body` throws.
func failure(_ body: () throws(HostError) -> Void) -> HostError? {
    do throws(HostError) {
        try body()
        return nil
    } catch { return error }
}

extension Trait where Self == ConditionTrait {
    /// The test makes a machine.
    static var needsKVM: Self {
        .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open")
    }
}

/// Nodes that are not KVM, which need none.
@Suite struct KVMNodeTests {
    @Test(.rule("KVMR-17")) func aMissingNodeIsNamed() {
        let error = failure { () throws(HostError) in
            _ = try KVMSystem(path: "/dev/carillon-has-no-such-node")
        }
        #expect(error?.code == .kvmNode)
        #expect(error?.errno == ENOENT)
        #expect(error?.description.contains("/dev/carillon-has-no-such-node") == true)
        #expect(error?.advice.contains("kvm_intel or kvm_amd") == true)
    }

    @Test(.rule("KVMR-17"), arguments: [("/dev/null", ENOTTY), ("/proc/self/exe", ETXTBSY)])
    func anotherFileIsNotKVM(path: String, errno: CInt) {
        let error = failure { () throws(HostError) in _ = try KVMSystem(path: path) }
        #expect(error?.code == .kvmNode)
        #expect(error?.errno == errno)
        #expect(error?.subject == path)
    }

    @Test(.rule("KVMR-17"), .enabled(if: geteuid() == 0, "only root can become somebody else"))
    func aForbiddenNodeSaysSo() async {
        await #expect(processExitsWith: .success) {
            let path = NSTemporaryDirectory() + "carillon-node-\(UInt64.random(in: 0 ... .max))"
            #expect(
                FileManager.default.createFile(
                    atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]))
            #expect(seteuid(65_534) == 0)
            let error = failure { () throws(HostError) in _ = try KVMSystem(path: path) }
            #expect(seteuid(0) == 0)
            #expect(error?.code == .kvmNode)
            #expect(error?.errno == EACCES)
            try FileManager.default.removeItem(atPath: path)
        }
    }
}

/// The kernel's objects: what they take, and how they refuse.
@Suite(.needsKVM, .endsWhenHung)
struct KVMObjectTests {
    @Test(.rule("KVMR-17")) func capabilitiesAreAsked() throws {
        let system = try KVMSystem()
        try system.require(KVMCapability.allCases)
        #expect(system.value(of: .routes) >= 1024)
        let machine = try system.makeVM()
        for capability in KVMCapability.allCases {
            #expect(machine.value(of: capability) == system.value(of: capability))
        }
    }

    @Test(.rule("KVMR-17")) func aMissingCapabilityIsNamed() async {
        await #expect(processExitsWith: .success) {
            let system = try KVMSystem()
            HostFaults.arm([HostFault(.kvmCapability, .fail(errno: EOPNOTSUPP), first: 2)])
            let error = failure { () throws(HostError) in
                try system.require([.chip, .irqfd, .messages])
            }
            #expect(error?.code == .kvmCapability)
            #expect(error?.subject == "KVM_CAP_IRQFD")
            #expect(error?.errno == EOPNOTSUPP)
            #expect(error?.advice.contains("newer kernel") == true)
        }
    }

    @Test(.rule("KVMR-17")) func objectsAreMadeOnceAndInOrder() throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        try machine.makeChip()
        var error = failure { () throws(HostError) in try machine.makeChip() }
        #expect(error?.code == .kvmChip)
        #expect(error?.errno == EEXIST)
        let processor = try system.makeVCPU(0, of: 2, in: machine)
        #expect(processor.id == 0)
        error = failure { () throws(HostError) in _ = try system.makeVCPU(0, of: 2, in: machine) }
        #expect(error?.code == .kvmProcessor)
        #expect(error?.errno == EEXIST)
        #expect(error?.subject == "processor 0")
        let late = try system.makeVM()
        _ = try system.makeVCPU(0, of: 1, in: late)
        error = failure { () throws(HostError) in try late.makeSplitChip(pins: 24) }
        #expect(error?.code == .kvmChip)
    }

    @Test(.rule("KVMR-17")) func messagesNeedAChipAndAProcessor() throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        let message = MSIMessage(address: 0xfee0_0000, data: 0x41)
        var error = failure { () throws(HostError) in _ = try machine.signal(message) }
        #expect(error?.code == .kvmMessage)
        #expect(error?.errno == EINVAL)
        #expect(error?.advice.contains("a chip and a processor") == true)
        try machine.makeSplitChip(pins: 24)
        error = failure { () throws(HostError) in _ = try machine.signal(message) }
        #expect(error?.errno == EPERM)
        let processor = try system.makeVCPU(0, of: 1, in: machine)
        #expect(try machine.signal(message) == 0, "its local APIC does not listen")
        try processor.enableLocalAPIC()
        #expect(try machine.signal(message) == 1)
        #expect(try processor.requestedVectors() == [0x41])
    }

    @Test(.rule("KVMR-17")) func slotsShowMemory() throws {
        let machine = try KVMSystem().makeVM()
        let memory = try GuestPages(count: 4)
        try machine.map(memory.mapped, 0..<0x2000, at: 0x1000, slot: 0)
        var error = failure { () throws(HostError) in
            try machine.map(memory.mapped, 0x2000..<0x3000, at: 0x2000, slot: 1)
        }
        #expect(error?.code == .kvmMemory)
        #expect(error?.errno == EEXIST)
        #expect(error?.subject == "memory at 0x2000")
        error = failure { () throws(HostError) in
            try machine.map(memory.mapped, 0x2000..<0x2800, at: 0x8000, slot: 1)
        }
        #expect(error?.errno == EINVAL)
        machine.unmap(slot: 0)
        machine.unmap(slot: 7)
        try machine.map(memory.mapped, 0x2000..<0x3000, at: 0x2000, slot: 1)
    }

    // MARK: Events that a guest's writes signal

    @Test(.rule("KVMR-18")) func aWatchIsOfAddressWidthAndValue() throws {
        let machine = try KVMSystem().makeVM()
        let first = try EventFD()
        let second = try EventFD()
        try machine.watch(0xd000_0000, bytes: 4, value: 1, by: first)
        try machine.watch(0xd000_0000, bytes: 4, value: 2, by: second)
        try machine.watch(0xd000_0000, bytes: 2, value: 1, by: second)
        try machine.watch(0xd000_1000, bytes: 0, by: first)
        let error = failure { () throws(HostError) in
            try machine.watch(0xd000_0000, bytes: 4, value: 1, by: second)
        }
        #expect(error?.code == .kvmWatch)
        #expect(error?.errno == EEXIST)
        #expect(error?.subject == "writes at 0xd0000000")
        #expect(
            failure { () throws(HostError) in
                try machine.watch(0xd000_0000, bytes: 4, by: second)
            }?.errno == EEXIST, "whatever is written, where one value is watched")
        #expect(
            failure { () throws(HostError) in
                try machine.watch(0xd000_2000, bytes: 3, by: second)
            }?.errno == EINVAL)
        // Another event, or value, ends nothing.
        machine.endWatch(0xd000_0000, bytes: 4, value: 1, by: second)
        machine.endWatch(0xd000_0000, bytes: 4, value: 3, by: first)
        #expect(
            failure { () throws(HostError) in
                try machine.watch(0xd000_0000, bytes: 4, value: 1, by: second)
            }?.errno == EEXIST)
        machine.endWatch(0xd000_0000, bytes: 4, value: 1, by: first)
        try machine.watch(0xd000_0000, bytes: 4, value: 1, by: second)
    }

    // MARK: Levels

    @Test(.scenario("T-I07"), .rule("KVMR-18")) func levelsNeedTheKernelsChip() throws {
        let system = try KVMSystem()
        let split = try system.makeVM()
        try split.makeSplitChip(pins: 24)
        let first = try EventFD()
        let second = try EventFD()
        let error = failure { () throws(HostError) in
            try split.attachLevel(first.raw, to: 5, ended: second.raw)
        }
        #expect(error?.code == .kvmEvent)
        #expect(error?.errno == EINVAL)
        #expect(error?.subject == "pin 5")
        // By request, as a line, it goes all the same.
        let whole = try system.makeVM()
        try whole.makeChip()
        try whole.attachLevel(first.raw, to: 5, ended: second.raw)
        whole.detach(first.raw, from: 5)
    }
}

/// Memory to show to a guest.
struct GuestPages: Sendable {
    static let size = 0x1000
    let mapped: MappedMemory

    init(count: Int) throws {
        let bytes = count * Self.size
        let file = try MemoryFile(name: "guest", size: UInt64(bytes), sealShrink: true)
        mapped = try MappedMemory(
            descriptor: file.raw, offset: 0, length: bytes, access: .readWrite, subject: "guest")
    }

    func write(_ bytes: [UInt8], at offset: Int) {
        #expect(mapped.copyOut(bytes, to: offset) == .ok)
    }

    func write(_ value: UInt64, at offset: Int) {
        #expect(mapped.storeRelease64(value, at: offset) == .ok)
    }
}
