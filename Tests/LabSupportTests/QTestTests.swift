import LabSupport
import Testing

/// QEMU's own virtio entropy device answers to the qtest driver as the specifications say. This
/// keeps the lab honest: what fails with our device and passes here is our device's fault.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestTests {
    private static let rng = #"{"driver":"virtio-rng-pci","disable-legacy":"on","addr":"4"}"#
    /// RAM outside the ring of `QTestVirtioFunction`, where messages arrive.
    private static let messageAddress: UInt64 = 0x10_0000

    private let qtest: QTest
    private var function: QTestPCIFunction

    init() throws {
        qtest = try QTest(lab: try Lab.required(), devices: [QTestTests.rng])
        function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
    }

    @Test func `Configuration space shows a modern virtio entropy device`() throws {
        #expect(try function.config(read: QTestPCIFunction.Register.vendor, width: 2) == 0x1af4)
        #expect(try function.config(read: QTestPCIFunction.Register.device, width: 2) == 0x1044)
        #expect(try function.configurationSpace().prefix(4) == [0xf4, 0x1a, 0x44, 0x10])
        #expect(try function.config(read: QTestPCIFunction.Register.interruptPin, width: 1) == 1)
    }

    @Test func `An empty slot reads as all ones`() throws {
        let empty = QTestPCIFunction(qtest, device: 5)
        #expect(try empty.config(read: 0, width: 4) == 0xffff_ffff)
        #expect(try empty.config(read: 0, width: 2) == 0xffff)
    }

    @Test func `Mapped BARs are aligned to their size and do not overlap`() throws {
        #expect(function.bars.count == 2)
        for address in function.bars.values {
            #expect(address >= 0xe000_0000 && address % 0x1000 == 0)
        }
        #expect(Set(function.bars.values).count == 2)
    }

    @Test func `RAM keeps what every width of access writes`() throws {
        try qtest.writeq(0x10_0000, 0x0807_0605_0403_0201)
        #expect(try qtest.readb(0x10_0007) == 8)
        #expect(try qtest.readw(0x10_0002) == 0x0403)
        #expect(try qtest.readl(0x10_0004) == 0x0807_0605)
        #expect(try qtest.readq(0x10_0000) == 0x0807_0605_0403_0201)
        try qtest.write(0x10_0010, [1, 2, 0xff])
        #expect(try qtest.read(0x10_0010, count: 4) == [1, 2, 0xff, 0])
        try qtest.writeb(0x10_0020, 0x5a)
        try qtest.writew(0x10_0022, 0xa55a)
        #expect(try qtest.readl(0x10_0020) == 0xa55a_005a)
    }

    @Test func `A vector outside the table is refused`() throws {
        var virtio = try QTestVirtioFunction(function)
        let vectors = try virtio.start(configurationVector: 2, queueVector: 1)
        #expect(vectors == (configuration: QTestVirtioFunction.noVector, queue: 1))
    }

    @Test func `An unmasked MSI-X entry delivers its message`() throws {
        let msix = try QTestMSIX(function)
        try #require(msix.count == 2)
        try msix.program(1, address: QTestTests.messageAddress, data: 0x1234)
        try msix.enable()
        var virtio = try QTestVirtioFunction(function)
        _ = try virtio.start(configurationVector: 0, queueVector: 1)

        try virtio.offerBuffer(count: 64)

        #expect(try qtest.waitForWord(at: QTestTests.messageAddress, toBe: 0x1234) == 0x1234)
        #expect(try virtio.usedIndex() == 1)
        #expect(try virtio.returnedBytes().contains { $0 != 0 })
    }

    @Test func `A masked MSI-X entry keeps its message pending until it is unmasked`() throws {
        let msix = try QTestMSIX(function)
        try msix.program(1, address: QTestTests.messageAddress, data: 0x77, isMasked: true)
        try msix.enable()
        var virtio = try QTestVirtioFunction(function)
        _ = try virtio.start(queueVector: 1)

        try virtio.offerBuffer(count: 64)
        #expect(try virtio.waitForUsedIndex(1))
        #expect(try msix.isPending(1))
        #expect(try qtest.readl(QTestTests.messageAddress) == 0)

        try msix.setMasked(1, false)
        #expect(try !msix.isPending(1))
        #expect(try qtest.readl(QTestTests.messageAddress) == 0x77)
    }

    @Test func `Without MSI-X the device raises INTx until its status is read`() throws {
        try qtest.interceptInterrupts(of: "ioapic")
        var virtio = try QTestVirtioFunction(function)
        _ = try virtio.start()

        try virtio.offerBuffer(count: 64)
        #expect(try qtest.waitForLineChanges(1))
        let line = try #require(qtest.lineChanges.first?.line)
        #expect(qtest.isRaised(line))

        #expect(try qtest.readb(virtio.interruptStatus) == 1)
        #expect(!qtest.isRaised(line))
    }

    @Test func `The machine's clock advances only by steps`() throws {
        let before = try qtest.clockStep(nanoseconds: 1)
        #expect(try qtest.clockStep(nanoseconds: 1_000_000) == before + 1_000_000)
    }

    @Test func `A command that QEMU does not know is an error with its answer`() throws {
        #expect(throws: LabError.self) { try qtest.command("bogus") }
    }

    @Test func `A QEMU that died is reported, not waited for`() throws {
        qtest.qemu.kill()
        let status = try #require(qtest.qemu.waitForExit())
        #expect(status == 128 + 9)
        let error = #expect(throws: LabError.self) { try qtest.inb(0x80) }
        #expect(error?.reason.contains("gone") == true)
    }

    @Test func `A wait that nothing ends is bounded`() throws {
        #expect(try qtest.waitForLineChanges(1, timeoutSeconds: 0.05) == false)
        #expect(try qtest.waitForWord(at: 0x10_0000, toBe: 1, timeoutSeconds: 0.05) == 0)
    }
}
