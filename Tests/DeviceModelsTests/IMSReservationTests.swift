import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// Slots of a store are backed by leases like vectors, and memory is where a queue store has them.
struct IMSReservationTests {
    @Test(.scenario("T-S03"), .rule("IMS-16"))
    func moreSlotsThanTheParentHasAreRefusedWhenTheyAreAskedFor() throws {
        let pool = VectorPool(name: "remapping", capacity: 2)
        let pasid = try #require(PASID(1))
        var store = try #require(
            IMSFunction(.array, slots: 3, translation: PASIDTranslation(defaultPASID: pasid)))
        var sends: [IMSSend] = []
        let first = try pool.reserve(for: "store")
        store.setReserved(0, true, into: &sends)
        let second = try pool.reserve(for: "store")
        store.setReserved(1, true, into: &sends)
        var code: String?
        do throws(VectorRefusal) {
            let third = try pool.reserve(for: "store")
            _ = consume third
        } catch { code = error.code }
        #expect(code == "VECTOR-EXHAUSTED")
        #expect(store.obstacles(2).contains(.unreserved))
        #expect(!store.obstacles(1).contains(.unreserved))
        _ = consume first
        _ = consume second
        #expect(pool.figures.held == 0)
    }

    @Test(.rule("IMS-19")) func aDeviceReadsARecordThroughItsBus() throws {
        let machine = try VirtioMachine(vectors: 2)
        let words: [UInt32] = [4, 1 << 12 | 8, 0xfee0_0000, 1, 0x77]
        for (index, word) in words.enumerated() {
            machine.memory.store(word, at: 0x1000 + 4 * index)
        }
        let record = try machine.endpoint.bus.loadIMSRecord(at: IOVA(0x1000))
        #expect(record?.message == MSIMessage(address: 0x1_fee0_0000, data: 0x77))
        #expect(record?.control.pasid == 1)
        machine.memory.store(UInt32(5), at: 0x1000)
        #expect(try machine.endpoint.bus.loadIMSRecord(at: IOVA(0x1000)) == nil)
        #expect(throws: DMAFault.misaligned) {
            try machine.endpoint.bus.loadIMSRecord(at: IOVA(0x1002))
        }
        #expect(machine.endpoint.bus.memoryFaults == 1)
    }
}
