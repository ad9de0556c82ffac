import LabSupport
import TestTraits
import Testing

/// What a driver reads and writes through QEMU reaches our device as it was issued.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestRegisterTests {
    private typealias Common = QTestVirtioFunction.Register

    private let machine: ServedMachine
    private let function: QTestPCIFunction

    init() async throws {
        machine = try await ServedMachine()
        function = try machine.function()
    }

    @Test(.rule("QEMU-7")) func `QEMU has nothing to complain of`() async throws {
        _ = try QTestVirtioFunction(function)
        #expect(machine.complaints == [])
        #expect(machine.observer.refusals == [])
    }

    @Test(.rule("QEMU-6")) func `Configuration space shows the entropy device behind PCI Express`()
        throws
    {
        let bytes = try function.configurationSpace()
        #expect(bytes[0..<4] == [0xf4, 0x1a, 0x44, 0x10])
        #expect(bytes[QTestPCIFunction.Register.interruptPin] == 1)
        #expect(try function.capabilities(0x09).count == 4)
        #expect(try function.capabilities(0x10).count == 1)
        #expect(try function.capabilities(0x11).count == 1)
    }

    @Test(.rule("QEMU-10")) func `Every width reads the same bytes of the common configuration`()
        throws
    {
        let qtest = machine.qtest
        let virtio = try QTestVirtioFunction(function)
        let queueSize = virtio.common + Common.queueSize
        let whole = try qtest.readq(queueSize)
        #expect(whole == 0x0000_0000_ffff_0040)
        for offset in 0..<UInt64(8) {
            #expect(
                try qtest.readb(queueSize + offset)
                    == UInt8(truncatingIfNeeded: whole >> (8 * offset)))
        }
        for offset in stride(from: UInt64(0), to: 8, by: 2) {
            #expect(
                try qtest.readw(queueSize + offset)
                    == UInt16(truncatingIfNeeded: whole >> (8 * offset)))
        }
        for offset in [UInt64(0), 4] {
            #expect(
                try qtest.readl(queueSize + offset)
                    == UInt32(truncatingIfNeeded: whole >> (8 * offset)))
        }
    }

    @Test(.rule("QEMU-10")) func `Every width writes exactly its bytes`() throws {
        let qtest = machine.qtest
        let descriptors = try QTestVirtioFunction(function).common + Common.queueDescriptors
        try qtest.writeq(descriptors, 0x1122_3344_5566_7788)
        #expect(try qtest.readq(descriptors) == 0x1122_3344_5566_7788)
        try qtest.writel(descriptors + 4, 0xaabb_ccdd)
        #expect(try qtest.readq(descriptors) == 0xaabb_ccdd_5566_7788)
        try qtest.writew(descriptors + 2, 0x9911)
        #expect(try qtest.readq(descriptors) == 0xaabb_ccdd_9911_7788)
        try qtest.writeb(descriptors, 0x42)
        #expect(try qtest.readq(descriptors) == 0xaabb_ccdd_9911_7742)
    }

    @Test(.rule("QEMU-10")) func `A BAR that moves keeps its registers`() throws {
        for place in 1...20 {
            var moved = function
            try moved.setCommand(0)
            try moved.mapBARs(memory: 0xe000_0000 + UInt64(place) << 20)
            let virtio = try QTestVirtioFunction(moved)
            #expect(try machine.qtest.readw(virtio.common + Common.queueSize) == 64)
        }
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-8")) func `Posted writes are never answered`() throws {
        let posted = try countedWrites(of: machine)
        #expect(posted.sent > posted.answered)
        #expect(machine.complaints == [])
    }

    @Test(.rule("QEMU-9")) func `Writes are answered when QEMU posts none`() async throws {
        let waiting = try await ServedMachine(properties: #","x-no-posted-writes":true"#)
        let writes = try countedWrites(of: waiting)
        #expect(writes.sent == writes.answered)
        #expect(waiting.complaints == [])
    }

    /// Writes BARs a hundred times; how many REGION_WRITE QEMU sent altogether, how many replies to
    /// them it received, by its own record.
    private func countedWrites(of machine: ServedMachine) throws -> (sent: Int, answered: Int) {
        let function = try machine.function()
        let virtio = try QTestVirtioFunction(function)
        for number in 0..<UInt32(100) {
            try machine.qtest.writel(virtio.common + Common.driverFeatureSelect, number)
        }
        #expect(try machine.qtest.readl(virtio.common + Common.driverFeatureSelect) == 99)
        let trace = try machine.trace()
        // Each message of QEMU's is one line: a header, an access, and 1 to 4 bytes when it writes.
        let sizes: Set = ["0x21", "0x22", "0x24"]
        let sent = trace.count { line in
            line.hasPrefix("vfio_user_send_write")
                && sizes.contains(String(line.split(separator: " ").last ?? ""))
        }
        // SET_IRQS is as long as a write of 4 bytes.
        let interruptRequests = trace.count { $0.hasPrefix("vfio_user_set_irqs") }
        return (
            sent - interruptRequests,
            trace.count { $0.contains("recv_hdr") && $0.contains("cmd 0xa ") }
        )
    }
}
