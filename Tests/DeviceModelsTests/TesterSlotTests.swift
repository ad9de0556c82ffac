import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import TestTraits
import Testing

/// The tester's interrupt message store, in its BAR and in memory.
struct TesterSlotTests {
    private static let slot: UInt64 = 0x8000_0000
    private static let message = MSIMessage(address: 0x1_fee0_1000, data: 0x41)
    private let parent = VectorPool(name: "parent", capacity: 8)

    private func machine(
        _ store: IMSFunction.Store, slots: Int = 4, isBound: Bool = true
    ) throws -> TesterMachine {
        let machine = try TesterMachine(
            .init(vectors: 2, messages: nil, slots: slots, store: store), parent)
        if isBound { machine.endpoint.bus.interrupts.setStoreBound(true) }
        return machine
    }

    private func write(
        _ machine: TesterMachine, slot: Int, control: UInt32, _ message: MSIMessage = Self.message
    ) {
        func put(_ register: Int, _ value: UInt64, _ width: AccessWidth) {
            machine.endpoint.writeBAR(
                value, BARAccess(bar: 4, offset: 16 * slot + register, width: width))
        }
        put(0, message.address, .qword)
        put(8, UInt64(message.data) | UInt64(control) << 32, .qword)
    }

    private func control(_ machine: TesterMachine, slot: Int) -> UInt64 {
        machine.endpoint.readBAR(BARAccess(bar: 4, offset: 16 * slot + 12, width: .dword))
    }

    private func writeRecord(
        _ machine: TesterMachine, slot: Int, sequence: UInt32, control: UInt32 = 0
    ) {
        let words = [
            sequence, control, UInt32(truncatingIfNeeded: Self.message.address),
            UInt32(Self.message.address >> 32), Self.message.data,
        ]
        for (index, word) in words.enumerated() {
            machine.memory.store(word, at: 0x2000 + 24 * slot + 4 * index)
        }
    }

    // MARK: The array

    @Test(.rules("TEST-7", "TEST-8")) func aSlotSendsWhatTheGuestWroteIntoItsBAR() throws {
        let machine = try machine(.array)
        #expect(machine.get(.slots) == 4)
        #expect(machine.get(.store) == 0b101)
        write(machine, slot: 2, control: 0)
        machine.set(.fire, Self.slot | 2)
        let sent = machine.storeSent()
        #expect(sent.map(\.slot) == [2])
        #expect(sent.first?.message.message == Self.message)
        #expect(sent.first?.message.pasid.rawValue == 0)
        machine.set(.select, Self.slot | 2)
        #expect(machine.get(.sourceState) == 1)
        machine.set(.acknowledge, Self.slot | 2)
        #expect(machine.get(.sourceState) == 0)
        #expect((machine.get(.raised), machine.get(.sent)) == (1, 1))
        #expect(!machine.endpoint.bus.interrupts.pin.causeHolds)
    }

    @Test(.rules("TEST-7", "TEST-1")) func aRangeLiesAmongSourcesOrAmongSlots() throws {
        let machine = try machine(.array)
        for slot in 0..<4 { write(machine, slot: slot, control: 0) }
        machine.set(.rangeFirst, Self.slot | 1)
        machine.set(.rangeCount, 3)
        machine.set(.command, 3)
        #expect(machine.storeSent().map(\.slot) == [1, 2, 3])
        let wrong: [(first: UInt64, count: UInt64)] = [
            (Self.slot, 5), (Self.slot | 4, 1), (1, Self.slot), (0, Self.slot | 2),
            (Self.slot, Self.slot), (Self.slot | 0x7fff_ffff, 1),
        ]
        for range in wrong {
            machine.set(.rangeFirst, range.first)
            machine.set(.rangeCount, range.count)
            machine.set(.command, 1)
        }
        machine.set(.fire, Self.slot | 4)
        machine.set(.doorbell, 0)
        #expect(machine.storeSent() == [])
        #expect(machine.get(.refused) == UInt64(wrong.count) + 2)
    }

    @Test(.rules("TEST-4", "TEST-7")) func theTimerFiresSlotsToo() throws {
        let machine = try machine(.array)
        for slot in 0..<4 { write(machine, slot: slot, control: 0) }
        machine.set(.rangeFirst, Self.slot | 2)
        machine.set(.rangeCount, 2)
        machine.set(.timerControl, 3)
        machine.endpoint.expireTimer(5)
        #expect(machine.storeSent().map(\.slot) == [2, 3, 2, 3, 2])
    }

    @Test(.rules("TEST-7", "IMS-14")) func aNamedPASIDIsAnErrorThatTheGuestSees() throws {
        let machine = try machine(.array)
        write(machine, slot: 0, control: 5 << 12 | 8)
        #expect(control(machine, slot: 0) == 5 << 12 | 0b1101)
        machine.set(.fire, Self.slot)
        machine.set(.select, Self.slot)
        #expect(machine.get(.sourceState) == 0b111)
        #expect(machine.storeSent() == [])
        write(machine, slot: 0, control: 0)
        #expect(machine.storeSent().count == 1)
        #expect(machine.get(.sourceState) == 1)
    }

    @Test(.rules("IMS-3", "IMS-22", "TEST-9"))
    func aMessageThatNothingTakesIsCountedAndShown() throws {
        let machine = try machine(.array)
        write(machine, slot: 1, control: 0)
        machine.set(.fire, Self.slot | 1)
        for send in machine.storeSent() {
            machine.endpoint.bus.interrupts.storeMessageFailed(send.slot, .unmapped)
        }
        machine.set(.select, Self.slot | 1)
        #expect(machine.get(.sourceState) == 0b1001)
        #expect((machine.get(.sent), machine.get(.discarded)) == (0, 1))
        #expect(control(machine, slot: 1) == 16)
        write(machine, slot: 1, control: 0)
        #expect(control(machine, slot: 1) == 0)
        #expect(machine.endpoint.bus.interrupts.store?.booksBalance == true)
    }

    @Test(.rules("TEST-9", "IMS-3")) func whileNobodyTakesMessagesTheyWait() throws {
        let machine = try machine(.array, isBound: false)
        #expect(machine.get(.store) == 1)
        write(machine, slot: 0, control: 0)
        machine.set(.fire, Self.slot)
        #expect(control(machine, slot: 0) == 2)
        #expect(machine.storeSent() == [])
        machine.endpoint.bus.interrupts.setStoreBound(true)
        #expect(machine.get(.store) == 5)
        #expect(machine.storeSent().map(\.slot) == [0])
    }

    @Test(.rules("IMS-3", "IMS-15", "TEST-5")) func bridgesPowerAndResetsReachTheStore() throws {
        let machine = try machine(.array)
        let endpoint = machine.endpoint
        let power = try #require(endpoint.description.offset(of: 0x01)) + 4
        write(machine, slot: 0, control: 0)
        endpoint.writeConfig(2, at: 4, .word)
        machine.set(.fire, Self.slot)
        #expect(machine.storeSent() == [])
        endpoint.writeConfig(6, at: 4, .word)
        #expect(machine.storeSent().count == 1)
        endpoint.writeConfig(3, at: power, .word)
        #expect(endpoint.bus.interrupts.store?.obstacles(0).contains(.powerState) == true)
        endpoint.writeConfig(0, at: power, .word)
        #expect(endpoint.bus.interrupts.store?.obstacles(0) == [])
        endpoint.reset()
        endpoint.writeConfig(6, at: 4, .word)
        #expect(control(machine, slot: 0) == 1)
        machine.set(.select, Self.slot)
        #expect(machine.get(.sent) == 1)
        #expect(machine.get(.store) == 5)
    }

    // MARK: The queue

    @Test(.rules("TEST-8", "IMS-19", "IMS-20"))
    func aRecordIsReadWhenItsSlotFiresOrTheDoorbellRings() throws {
        let machine = try machine(.queue)
        #expect(machine.get(.store) == 0b110)
        machine.set(.records, 0x2003)
        #expect(machine.get(.records) == 0x2000)
        writeRecord(machine, slot: 3, sequence: 2)
        machine.set(.fire, Self.slot | 3)
        #expect(machine.storeSent().map(\.message.message) == [Self.message])
        writeRecord(machine, slot: 3, sequence: 3)
        machine.set(.fire, Self.slot | 3)
        #expect(machine.storeSent() == [])
        writeRecord(machine, slot: 3, sequence: 4)
        machine.set(.doorbell, 3)
        #expect(machine.storeSent().map(\.slot) == [3])
        machine.set(.recordsUpper, 1)
        machine.set(.fire, Self.slot)
        machine.set(.doorbell, 4)
        #expect(machine.storeSent() == [])
        #expect(machine.endpoint.bus.memoryFaults == 1)
        #expect(machine.get(.refused) == 1)
    }

    // MARK: What can be made

    @Test(.scenario("T-S03"), .rule("TEST-7"))
    func moreSlotsThanTheParentHasAreRefusedWhenTheDeviceIsMade() throws {
        #expect(throws: VectorRefusal.self) { try machine(.array, slots: 7) }
        #expect(parent.figures.held == 0)
        let full = try machine(.queue, slots: 6)
        #expect(parent.figures.held == 8)
        #expect(full.endpoint.bus.interrupts.reservedCount == 8)
        let hasThirdVector = full.endpoint.bus.interrupts.isReserved(2)
        #expect(!hasThirdVector)
    }

    @Test(.rule("TEST-7")) func aTesterWithoutAStoreHasNoSlots() throws {
        let machine = try TesterMachine(.init(vectors: 2, messages: nil), parent)
        #expect((machine.get(.slots), machine.get(.store)) == (0, 0))
        machine.set(.fire, Self.slot)
        machine.set(.select, Self.slot)
        #expect((machine.get(.refused), machine.get(.raised)) == (1, 0))
        machine.endpoint.bus.interrupts.assertSlot(0)
        machine.endpoint.bus.interrupts.setStoreBound(true)
        #expect(machine.storeSent() == [])
        #expect(control(machine, slot: 0) == 0xffff_ffff)
    }
}
