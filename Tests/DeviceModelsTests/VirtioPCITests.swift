import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// The virtio transport, driven as a driver drives it, without a socket.
struct VirtioPCITests {
    private static let noVector: UInt64 = 0xffff

    @Test(.rule("VIO-1"), .scenario("T-D01"))
    func aVectorRegisterReadsBackNoVectorWhenThereIsNone() throws {
        let machine = try VirtioMachine(vectors: 1)
        machine.set(16, 2, .word)
        #expect(machine.get(16, .word) == Self.noVector, "beyond the table")
        machine.set(16, 0, .word)
        machine.set(26, 1, .word)
        #expect(machine.get(16, .word) == 0)
        #expect(machine.get(26, .word) == Self.noVector, "no host vector is left")
        #expect(machine.endpoint.bus.interrupts.refusals == 1)
    }

    @Test(.rule("VIO-2")) func theOldVectorIsGivenUpBeforeTheNewOneIsTaken() throws {
        let machine = try VirtioMachine(vectors: 1)
        machine.set(26, 0, .word)
        machine.set(26, 1, .word)
        #expect(machine.get(26, .word) == 1)
        #expect(machine.parent.figures.held == 1)
    }

    @Test(.rule("VIO-3")) func aSharedVectorIsLeasedOnce() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.set(16, 0, .word)
        machine.set(26, 0, .word)
        #expect(machine.parent.figures.held == 1)
        machine.set(26, Self.noVector, .word)
        #expect(machine.parent.figures.held == 1, "the other register still uses it")
        machine.set(16, Self.noVector, .word)
        #expect(machine.parent.figures.held == 0)
    }

    @Test(.rule("VIO-4"), .scenario("T-D03")) func aDriverCanFallBackToOneVectorAndToThePin() throws
    {
        let machine = try VirtioMachine(vectors: 1)
        machine.set(16, 0, .word)
        machine.set(26, 1, .word)
        #expect(machine.get(26, .word) == Self.noVector)
        machine.set(26, 0, .word)
        #expect(machine.get(26, .word) == 0, "one vector for both")
        machine.set(26, Self.noVector, .word)
        machine.set(16, Self.noVector, .word)
        machine.start()
        machine.offer(at: 0x5000, length: 16, flags: 2)
        machine.notify()
        #expect(machine.endpoint.bus.interrupts.pin.causeHolds)
        #expect(machine.isr() == 1)
        #expect(!machine.endpoint.bus.interrupts.pin.causeHolds)
        #expect(machine.isr() == 0, "a read takes it")
    }

    @Test(.rule("VIO-5")) func resetGivesEveryLeaseBack() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.set(16, 0, .word)
        machine.set(26, 1, .word)
        machine.set(20, 0, .byte)
        #expect(machine.parent.figures.held == 0)
        #expect(machine.get(16, .word) == Self.noVector)
        #expect(machine.get(26, .word) == Self.noVector)
    }

    @Test(.rule("VIO-6"), arguments: BrokenRing.allCases)
    func aBrokenRingNeedsAReset(_ ring: BrokenRing) throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.enableMSIX()
        machine.set(16, 0, .word)
        machine.start()
        ring.prepare(machine)
        machine.notify()
        #expect(machine.endpoint.model.fault?.name == ring.fault)
        #expect(machine.get(20, .byte) & 64 != 0)
        #expect(machine.endpoint.bus.interrupts.msix.counts(0).raised == 1)
        #expect(machine.isr() == 2, "ISR shows a configuration change with MSI-X too")
        machine.set(20, 0x0f, .byte)
        #expect(machine.get(20, .byte) & 64 != 0, "only a reset ends it")
        machine.set(20, 0, .byte)
        #expect(machine.get(20, .byte) == 0)
        #expect(machine.endpoint.model.fault == nil)
    }

    @Test(.rule("VIO-6")) func aDriverCannotSetNeedsReset() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.set(20, 0x41, .byte)
        #expect(machine.get(20, .byte) == 1)
    }

    @Test(.rule("VIO-7")) func aDriverThatNeverStopsCannotKeepTheDevice() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.start()
        machine.offer(at: 0x5000, length: 4, flags: 2)
        // Every store into the used ring makes one more buffer available.
        machine.memory.onUsedIndex = { memory in
            memory.store(UInt16(truncatingIfNeeded: memory.load16(0x2002) &+ 1), at: 0x2002)
        }
        machine.notify()
        #expect(machine.endpoint.model.device.requests == 8, "a queue's worth for a notification")
        machine.notify()
        #expect(machine.endpoint.model.device.requests == 16)
    }

    @Test(.rule("VIO-8")) func theWindowReachesBARsByByteWordAndDWORD() throws {
        let machine = try VirtioMachine(vectors: 2)
        let window = try #require(machine.endpoint.model.barWindow)
        machine.endpoint.writeConfig(0, at: window + 4, .byte)
        for (offset, width) in [(18, AccessWidth.word), (20, .byte), (0, .dword)] {
            machine.endpoint.writeConfig(UInt64(offset), at: window + 8, .dword)
            machine.endpoint.writeConfig(UInt64(width.bytes), at: window + 12, .dword)
            #expect(
                machine.endpoint.readConfig(at: window + 16, width)
                    == machine.get(offset, width))
        }
        machine.endpoint.writeConfig(1, at: window + 12, .dword)
        machine.endpoint.writeConfig(20, at: window + 8, .dword)
        machine.endpoint.writeConfig(3, at: window + 16, .byte)
        #expect(machine.get(20, .byte) == 3)
    }

    @Test(.rule("VIO-8"), arguments: [(0, 8), (0, 0), (0, 3), (2, 4), (6, 2)])
    func theWindowIgnoresWhatTheDriverMayNotWrite(bar: Int, length: Int) throws {
        let machine = try VirtioMachine(vectors: 2)
        let window = try #require(machine.endpoint.model.barWindow)
        machine.endpoint.writeConfig(UInt64(bar), at: window + 4, .byte)
        machine.endpoint.writeConfig(2, at: window + 8, .dword)
        machine.endpoint.writeConfig(UInt64(length), at: window + 12, .dword)
        let before = machine.endpoint.oddAccesses.undecoded
        for width in AccessWidth.allCases {
            _ = machine.endpoint.readConfig(at: window + 16, width)
        }
        #expect(machine.endpoint.oddAccesses.undecoded == before)
    }

    @Test(.rule("VIO-9"), arguments: AccessWidth.allCases)
    func theCommonConfigurationReadsTheSameAtEveryWidth(width: AccessWidth) throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.set(32, 0x1122_3344_5566_7788, .qword)
        machine.set(16, 1, .word)
        let bytes = (0..<56).map { machine.get($0, .byte) }
        for offset in stride(from: 0, to: 56, by: width.bytes) {
            let whole = (0..<width.bytes).reduce(UInt64(0)) {
                $0 | bytes[offset + $1] << UInt64(8 * $1)
            }
            #expect(machine.get(offset, width) == whole)
        }
    }

    @Test(.rule("VIO-9"), arguments: AccessWidth.allCases)
    func aQueueAddressCanBeWrittenAtEveryWidth(width: AccessWidth) throws {
        let machine = try VirtioMachine(vectors: 2)
        let value: UInt64 = 0x1122_3344_5566_7788
        for step in stride(from: 0, to: 8, by: width.bytes) {
            machine.set(40 + step, value >> UInt64(8 * step) & width.allOnes, width)
        }
        #expect(machine.get(40, .qword) == value)
    }

    @Test(.rule("VIO-10")) func whatIsUndefinedIsHarmless() throws {
        let machine = try VirtioMachine(vectors: 2)
        for offset in stride(from: 0, to: 0x4000, by: 8) where offset != 16 {
            machine.endpoint.writeBAR(
                .max, BARAccess(bar: 0, offset: offset, width: .qword))
            _ = machine.endpoint.readBAR(BARAccess(bar: 0, offset: offset, width: .qword))
        }
        #expect(machine.endpoint.bus.interrupts.msix.booksBalance)
        machine.set(22, 1, .word)
        #expect(machine.get(24, .word) == 0, "a queue that is not there has size 0")
        #expect(machine.get(26, .word) == Self.noVector)
    }

    @Test(.rule("VIO-11")) func onlyTheTransportsFeaturesAreOffered() throws {
        let machine = try VirtioMachine(vectors: 2)
        #expect(machine.get(4, .dword) == 0, "no indirect descriptors, no event indexes")
        machine.set(0, 1, .dword)
        #expect(machine.get(4, .dword) == 3, "VERSION_1 and ACCESS_PLATFORM, no packed queue")
        machine.set(20, 0x0b, .byte)
        #expect(machine.get(20, .byte) & 8 == 0, "without VERSION_1 features are not agreed")
    }

    @Test(.rule("VIO-12")) func withoutBusMasterNothingIsReached() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.start()
        machine.offer(at: 0x5000, length: 4, flags: 2)
        machine.endpoint.writeConfig(2, at: 4, .word)
        machine.notify()
        #expect(machine.endpoint.model.fault == .memory(.busMasterOff))
    }
}

/// A way in which a driver breaks a queue of eight.
enum BrokenRing: String, CaseIterable, Sendable {
    case loop, index, memory, flags, overflow, available, misaligned

    var fault: String {
        switch self {
        case .loop: "descriptor-loop"
        case .index: "descriptor-index"
        case .memory: "memory-unmapped"
        case .flags: "descriptor-flags"
        case .overflow: "address-overflow"
        case .available: "available-index"
        case .misaligned: "memory-misaligned"
        }
    }

    func prepare(_ machine: VirtioMachine) {
        machine.offer(at: 0x5000, length: 4, flags: 2)
        switch self {
        case .loop: machine.offer(at: 0x5000, length: 4, flags: 3)
        case .index: machine.memory.store(UInt16(8), at: 0x2004)
        case .memory: machine.offer(at: 0xffff_0000, length: 4, flags: 2)
        case .flags: machine.offer(at: 0x5000, length: 4, flags: 4)
        case .overflow: machine.offer(at: .max - 1, length: 4, flags: 2)
        case .available: machine.memory.store(UInt16(9), at: 0x2002)
        case .misaligned:
            machine.set(20, 0, .byte)
            machine.set(16, 0, .word)
            machine.start(available: 0x2001)
        }
    }
}
