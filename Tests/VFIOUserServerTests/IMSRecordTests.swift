import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Synchronization
import TestTraits
import Testing

/// A record of a queue store in shared memory that one thread rewrites all the time while another
/// reads it, as a guest and a device do.
struct IMSRecordTests {
    private static let rewrites: UInt32 = 200_000

    private final class Shared: Sendable {
        let memory: MappedMemory
        let isOver = Atomic(false)

        init() throws {
            let file = try MemoryFile(name: "record", size: 4096, sealShrink: true)
            memory = try MappedMemory(
                descriptor: file.raw, offset: 0, length: 4096, access: .readWrite,
                subject: "record")
        }

        func load(_ offset: Int) -> UInt32 {
            guard case .value(let value) = memory.loadAcquire32(at: offset) else { return .max }
            return value
        }

        func store(_ value: UInt32, at offset: Int) {
            let outcome = memory.storeRelease32(value, at: offset)
            precondition(outcome == .ok, "the record lies in the mapping")
        }

        /// Every word of a record follows from one number.
        func write(_ number: UInt32) {
            store(2 &* number &- 1, at: 0)
            store(number << 12 | 8, at: 4)
            store(number << 2, at: 8)
            store(number, at: 12)
            store(~number, at: 16)
            store(2 &* number, at: 0)
        }
    }

    @Test(.scenario("T-S02"), .rule("IMS-21"))
    func aRecordIsNeverReadHalfRewritten() throws {
        let shared = try Shared()
        shared.write(1)
        var writer: KernelThread? = try KernelThread(name: "guest") {
            for number in 2...Self.rewrites { shared.write(number) }
            shared.isOver.store(true, ordering: .releasing)
        }
        var whole = 0
        var torn = 0
        var last: UInt32 = 0
        repeat {
            guard let record = IMSRecord.read({ (offset) in shared.load(offset) }) else { continue }
            let number = ~record.message.data
            let isWhole =
                record.message.address == UInt64(number) << 32 | UInt64(number << 2)
                && record.control.pasid == number & 0xf_ffff && number >= last
            if isWhole { whole += 1 } else { torn += 1 }
            last = number
        } while !shared.isOver.load(ordering: .acquiring)
        writer.take()?.join()
        #expect(torn == 0)
        #expect(whole > 0)
        let final = try #require(IMSRecord.read { (offset) in shared.load(offset) })
        #expect(final.message.data == ~Self.rewrites)
    }
}
