import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// What guests do to an interrupt message store, one situation at a time.
struct IMSScenarioTests {
    private var function: IMSFunction
    private var sends: [IMSSend] = []

    init() throws { function = try Self.ready(.array, slots: 4) }

    private static func ready(_ store: IMSFunction.Store, slots: Int) throws -> IMSFunction {
        var function = try #require(
            IMSFunction(store, slots: slots, translation: IMSExhaustiveTests.translation))
        var none: [IMSSend] = []
        for slot in (0..<slots).compactMap({ VectorIndex($0) }) {
            function.setReserved(slot, true, into: &none)
            function.setBound(slot, true, into: &none)
        }
        function.setBusMaster(true, into: &none)
        #expect(none.isEmpty)
        return function
    }

    private mutating func write(_ slot: Int, _ register: Int, _ value: UInt64) {
        function.writeSlot(at: slot * 16 + register, .dword, value, into: &sends)
    }

    private mutating func unmask(_ slot: Int, pasid: UInt32? = nil) {
        write(slot, 12, UInt64(IMSExhaustiveTests.control(pasid: pasid).value))
    }

    private mutating func mask(_ slot: Int) { write(slot, 12, 1) }

    private func pasid(_ delivery: IMSDelivery) -> UInt32? {
        if case .send(let message) = delivery { message.pasid.rawValue } else { nil }
    }

    @Test(.rule("IMS-1"), arguments: [0, 1, 2048, 2049])
    func aStoreHasUpTo2048Slots(slots: Int) {
        let store = IMSFunction(
            .array, slots: slots, translation: IMSExhaustiveTests.translation)
        #expect((store != nil) == (1...2048).contains(slots))
    }

    @Test(.rule("IMS-2")) mutating func afterPowerOnEverySlotIsMasked() {
        for slot in 0..<4 {
            #expect(function.readSlot(at: slot * 16, .qword) == 0)
            #expect(function.readSlot(at: slot * 16 + 8, .qword) == 1 << 32)
        }
    }

    @Test(.scenario("T-S01"), .rules("IMS-10", "IMS-11", "IMS-12", "IMS-13"))
    mutating func aPASIDSetForOneSlotLeavesTheOtherAlone() {
        unmask(0)
        unmask(1)
        #expect(pasid(function.assert(0)) == 0x100)
        unmask(1, pasid: 2)
        #expect(pasid(function.assert(0)) == 0x100, "slot 0 is undisturbed")
        #expect(pasid(function.assert(1)) == 0x100, "not before its next unmask")
        mask(1)
        unmask(1, pasid: 2)
        #expect(pasid(function.assert(1)) == 0x202)
        #expect(pasid(function.assert(0)) == 0x100)
        function.translation = PASIDTranslation(defaultPASID: IMSExhaustiveTests.pasid(0x900))
        #expect(pasid(function.assert(0)) == 0x100)
        mask(0)
        unmask(0)
        #expect(pasid(function.assert(0)) == 0x900)
        #expect(pasid(function.assert(1)) == 0x202)
    }

    @Test(.rule("IMS-14")) mutating func aPASIDThatMeansNothingIsAnErrorTheGuestSees() {
        unmask(2, pasid: 9)
        #expect(function.readSlot(at: 2 * 16 + 12, .dword) == 9 << 12 | 0b1101)
        guard case .pended(.vectorMask) = function.assert(2) else {
            Issue.record("a slot with an error is masked")
            return
        }
        #expect(function.readSlot(at: 2 * 16 + 12, .dword) == 9 << 12 | 0b1111)
        unmask(2, pasid: 1)
        #expect(sends.map(\.message.pasid.rawValue) == [0x201])
        #expect(function.readSlot(at: 2 * 16 + 12, .dword) == 1 << 12 | 0b1000)
    }

    @Test(.rules("IMS-5", "IMS-6")) mutating func aMaskedSlotWaitsAndSendsOnce() {
        write(0, 0, 0xfee0_0000)
        write(0, 8, 0x55)
        _ = function.assert(0)
        #expect(function.assert(0) == .coalesced)
        unmask(0)
        #expect(sends.map(\.message.message) == [MSIMessage(address: 0xfee0_0000, data: 0x55)])
        mask(0)
        _ = function.assert(0)
        let withdrew = function.deassert(0)
        #expect(withdrew)
        unmask(0)
        #expect(sends.count == 1)
    }

    @Test(.rules("IMS-7", "IMS-8", "IMS-17")) mutating func oddThingsAreHarmlessAndCounted() {
        let before = function.readSlot(at: 0, .qword)
        function.writeSlot(at: 0, .byte, 0xff, into: &sends)
        function.writeSlot(at: 4, .qword, .max, into: &sends)
        function.writeSlot(at: 64, .dword, .max, into: &sends)
        #expect(function.readSlot(at: -4, .dword) == 0xffff_ffff)
        #expect(function.readSlot(at: 2, .word) == 0xffff)
        #expect(function.oddAccesses == 5)
        #expect(function.readSlot(at: 0, .qword) == before)
        write(0, 12, 0xff7)
        #expect(function.readSlot(at: 12, .dword) == 1)
        #expect(function.assert(4) == .discarded(.noSuchVector))
        #expect(function.strayEvents == 1)
    }

    @Test(.rule("IMS-9")) mutating func aMessageThatIsChangedWhileItFiresIsOldOrNew() {
        write(0, 0, 0xfee0_0000)
        write(0, 8, 1)
        unmask(0)
        write(0, 0, 0xfee0_1000)
        #expect(
            function.assert(0)
                == .send(
                    IMSMessage(
                        MSIMessage(address: 0xfee0_0000, data: 1),
                        pasid: IMSExhaustiveTests.pasid(0x100))))
        write(0, 8, 2)
        #expect(
            function.assert(0)
                == .send(
                    IMSMessage(
                        MSIMessage(address: 0xfee0_1000, data: 2),
                        pasid: IMSExhaustiveTests.pasid(0x100))))
    }

    /// The store knows nothing of MSI-X Enable: both are active at once on one device.
    @Test(.rule("IMS-4")) mutating func aSlotFiresWhateverMSIXDoes() throws {
        var msix = try #require(MSIXFunction(tableSize: 1))
        var none: [Send] = []
        msix.setControl(enable: false, functionMask: true, into: &none)
        unmask(0)
        #expect(pasid(function.assert(0)) == 0x100)
        #expect(msix.assert(0) != .coalesced)
    }

    // MARK: The queue store

    /// Every place in a rewrite at which the device may read: a writer of six words and a reader
    /// of six words, interleaved in every way.
    @Test(.scenario("T-S02"), .rule("IMS-21"))
    func everyInterleavingReadsTheOldRecordOrTheNewOne() throws {
        let old: [UInt32] = [0, 1, 0xfee0_0000, 0x1, 0x11]
        let new: [UInt32] = [2, 0, 0xfee0_1000, 0x2, 0x22]
        let steps = [(0, 1), (1, new[1]), (2, new[2]), (3, new[3]), (4, new[4]), (0, 2)]
        let records = try [old, new].map { words in
            try #require(IMSRecord.read { (offset) in words[offset / 4] })
        }
        var seen: Set<Int> = []
        var inFlux = 0
        // When the reader makes its n-th load, `schedule[n]` steps of the writer have happened.
        func explore(_ schedule: [Int]) {
            guard schedule.count == 6 else {
                for next in (schedule.last ?? 0)...steps.count { explore(schedule + [next]) }
                return
            }
            var load = 0
            let record = IMSRecord.read { (offset) in
                let done = load < 6 ? schedule[load] : schedule[5]
                load += 1
                var words = old
                for step in steps.prefix(done) { words[step.0] = step.1 }
                return words[offset / 4]
            }
            guard let record else {
                inFlux += 1
                return
            }
            guard let which = records.firstIndex(of: record) else {
                Issue.record("\(schedule): \(record)")
                return
            }
            seen.insert(which)
        }
        explore([])
        #expect(seen == [0, 1])
        #expect(inFlux > 0)
    }

    @Test(.rules("IMS-19", "IMS-20")) mutating func whatStandsInMemoryWhenItFiresIsSent() throws {
        var queue = try Self.ready(.queue, slots: 1)
        let first = IMSRecord(
            control: IMSExhaustiveTests.control(),
            message: MSIMessage(address: 0xfee0_0000, data: 1))
        let second = IMSRecord(
            control: IMSExhaustiveTests.control(),
            message: MSIMessage(address: 0xfee0_0000, data: 2))
        #expect(queue.assert(0, record: nil) == .pended([.vectorMask, .unreadable]))
        guard case .send(let message) = queue.assert(0, record: first) else {
            Issue.record("one message for both events")
            return
        }
        #expect(message.message.data == 1)
        #expect(!queue.isPending(0))
        #expect(queue.counts(0).coalesced == 1)
        _ = queue.assert(0, record: nil)
        queue.refresh(0, record: second, into: &sends)
        #expect(sends.map(\.message.message.data) == [2])
        #expect(queue.booksBalance)
    }

    // MARK: What a guest sees of its backend

    /// Eight vectors that a guest sees as MSI-X, on slots, on vectors or on one line of the host.
    @Test(.scenario("T-S04"), .rule("IMS-4"))
    func theBackendOfVirtualVectorsDoesNotShow() throws {
        enum Backend: CaseIterable { case ims, msix, line }
        let views = try Backend.allCases.map { backend -> [String] in
            var guest = try #require(MSIXComparison(tableSize: 8))
            var slots = try Self.ready(.array, slots: 8)
            var none: [IMSSend] = []
            for slot in 0..<8 {
                slots.writeSlot(at: slot * 16 + 12, .dword, 0, into: &none)
            }
            var host = try #require(MSIXFunction(tableSize: 8, maskAuthority: .client))
            var sends: [Send] = []
            host.setControl(enable: true, functionMask: false, into: &sends)
            host.setBusMaster(true, into: &sends)
            var line = INTxFunction()
            _ = line.set(.unbound, false)
            let vectors = (0..<8).compactMap { VectorIndex($0) }
            for vector in vectors {
                host.setReserved(vector, true, into: &sends)
                host.setBound(vector, true, into: &sends)
            }
            var view: [String] = []
            func fire(_ vector: VectorIndex) -> Bool {
                switch backend {
                case .ims: if case .send = slots.assert(vector) { true } else { false }
                case .msix: if case .send = host.assert(vector) { true } else { false }
                case .line:
                    {
                        defer {
                            line.deassert()
                            _ = line.set(.masked, false)
                        }
                        return line.assert()
                    }()
                }
            }
            var operations: [MSIXOperation] = [
                .busMaster(true), .control(enable: true, functionMask: false),
            ]
            operations += vectors.flatMap { [.reserved($0, true), .bound($0, true)] }
            operations += vectors.filter { $0.index % 2 == 0 }.map { .mask($0, false) }
            for operation in operations {
                #expect(guest.perform(operation, comparing: vectors) == nil)
            }
            for round in 0..<3 {
                for vector in vectors where fire(vector) {
                    var copy = guest.function
                    let delivery = MSIXOperation.assert(vector).perform(on: &copy).delivery
                    view.append("\(round) \(vector): \(String(describing: delivery))")
                    #expect(guest.perform(.assert(vector), comparing: vectors) == nil)
                }
                #expect(guest.perform(.mask(1, round == 1), comparing: vectors) == nil)
            }
            return view + vectors.map { "\(guest.function.counts($0))" }
        }
        #expect(views[0] == views[1])
        #expect(views[0] == views[2])
        #expect(views[0].count == 24 + 8)
    }
}
