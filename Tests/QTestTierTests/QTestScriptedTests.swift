import LabSupport
import Registers
import TestTraits
import Testing
import VFIOInterface
import VFIOUserWire

/// What QEMU's client sends, and what it makes of unusual answers, with a server that follows a
/// script. This is why our server answers as it does.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestScriptedTests {
    private func machine(_ server: ScriptedServer, _ properties: String = "") throws -> QTest {
        try QTest(lab: try Lab.required(), devices: [server.device(properties)])
    }

    private func function(_ qtest: QTest) throws -> QTestPCIFunction {
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        return function
    }

    @Test(.rules("QEMU-1", "QEMU-3", "QEMU-7"))
    func `QEMU asks for the version, lends memory, and only then asks about the device`()
        throws
    {
        let server = try ScriptedServer()
        defer { server.stop() }
        _ = try machine(server)
        let messages = server.messages
        #expect(messages.first?.header.command == .version)
        #expect(messages.first?.header.size == 214)
        let ask = try #require(messages.firstIndex { $0.header.command == .deviceGetInfo })
        let maps = messages[..<ask].filter { $0.header.command == .dmaMap }
        #expect(maps.map(\.descriptors) == [1, 0])
        // The firmware's ROM comes without a descriptor and may only be read.
        #expect(maps.map { $0.word(4) } == [3, 1])
        let regions = messages.filter { $0.header.command == .deviceGetRegionInfo }
        #expect(regions.map { $0.word(8) } == [0, 1, 2, 3, 4, 5, 7])
        let interrupts = messages.filter { $0.header.command == .deviceGetIRQInfo }
        #expect(interrupts.map { $0.word(8) } == [3, 2])
    }

    @Test(.rule("QEMU-6"), arguments: [256, 4096])
    func `The whole configuration space is read at once`(bytes: Int) throws {
        let server = try ScriptedServer(ScriptedFunction(configurationBytes: bytes))
        defer { server.stop() }
        _ = try machine(server)
        let first = server.messages.first { $0.header.command == .regionRead }
        #expect(first?.word(8) == RegionIndex.config.rawValue)
        #expect(first.map { Int($0.word(12)) } == bytes)
    }

    @Test(.rule("QEMU-5")) func `A description that needs more room is asked for a second time`()
        throws
    {
        let server = try ScriptedServer { message in
            guard message.header.command == .deviceGetRegionInfo, message.word(8) == 2 else {
                return .usual
            }
            var output: [UInt8] = []
            RegionInfo(
                index: .bar2, flags: [.read, .write], size: 0x1000,
                capabilities: [.other(id: 77, version: 1, body: [UInt8](repeating: 0, count: 8))]
            ).encode(into: &output, argsz: message.word(0))
            return .payload(output)
        }
        defer { server.stop() }
        _ = try machine(server)
        let asked = server.messages.filter {
            $0.header.command == .deviceGetRegionInfo && $0.word(8) == 2
        }
        #expect(asked.map { $0.word(0) } == [32, 48])
    }

    @Test(.rule("QEMU-11")) func `With vectors that can be added one by one, each is bound alone`()
        throws
    {
        let server = try ScriptedServer(ScriptedFunction(vectors: 24))
        defer { server.stop() }
        let msix = try QTestMSIX(try function(try machine(server)))
        try msix.enable()
        for entry in [0, 3, 20] { try msix.program(entry, address: 0x10_0000, data: 7) }
        #expect(
            server.interruptRequests(.msix) == [
                "0+1 0x24 fds 0", "0+1 0x24 fds 1", "3+1 0x24 fds 1", "20+1 0x24 fds 1",
            ])
        try msix.setMasked(3, true)
        #expect(server.interruptRequests(.msix).count == 4)
        try msix.setMasked(3, false)
        #expect(server.interruptRequests(.msix).last == "3+1 0x24 fds 1")
        try msix.enable(false)
        #expect(server.interruptRequests(.msix).last == "0+0 0x21 fds 0")
    }

    @Test(.rule("QEMU-12"))
    func `With vectors that come all at once, all are given up for each new one`() throws {
        let server = try ScriptedServer(
            ScriptedFunction(vectors: 24, vectorFlags: [.eventfd, .noresize]))
        defer { server.stop() }
        let msix = try QTestMSIX(try function(try machine(server)))
        try msix.enable()
        for entry in 0..<12 { try msix.program(entry, address: 0x10_0000, data: 7) }
        let before = server.interruptRequests(.msix).count
        try msix.program(20, address: 0x10_0000, data: 9)
        #expect(
            Array(server.interruptRequests(.msix)[before...]) == [
                "0+0 0x21 fds 0", "0+8 0x24 fds 8", "8+4 0x24 fds 4", "12+8 0x24 fds 0",
                "20+1 0x24 fds 1",
            ])
    }

    @Test(
        .rules("QEMU-11", "QEMU-12", "QEMU-14"),
        arguments: [IRQInfoFlags.eventfd, [.eventfd, .noresize]])
    func `A bound eventfd delivers the message of its entry`(flags: IRQInfoFlags) throws {
        let server = try ScriptedServer(ScriptedFunction(vectors: 4, vectorFlags: flags))
        defer { server.stop() }
        let qtest = try machine(server)
        let msix = try QTestMSIX(try function(qtest))
        try msix.program(2, address: 0x10_0000, data: 0x2222)
        try msix.enable()
        #expect(server.fire(2))
        #expect(try qtest.waitForWord(at: 0x10_0000, toBe: 0x2222) == 0x2222)

        try qtest.writel(0x10_0000, 0)
        try msix.setMasked(2, true)
        #expect(server.fire(2))
        #expect(try qtest.readl(0x10_0000) == 0)
        try msix.setMasked(2, false)
        #expect(try qtest.waitForWord(at: 0x10_0000, toBe: 0x2222) == 0x2222)
    }

    @Test(.rule("QEMU-13")) func `The table and the masks never reach the server`() throws {
        let server = try ScriptedServer()
        defer { server.stop() }
        let msix = try QTestMSIX(try function(try machine(server)))
        let before = server.messages.count
        try msix.program(1, address: 0x10_0000, data: 5)
        try msix.setMasked(1, true)
        #expect(server.messages.count == before)
        _ = try msix.isPending(1)
        let reads = server.messages[before...]
        #expect(reads.map(\.header.command) == [.regionRead, .regionRead])
        #expect(reads.map { $0.word(12) } == [4, 4])
    }

    @Test(.rule("QEMU-8")) func `BAR writes are posted, configuration writes are not`() throws {
        let server = try ScriptedServer()
        defer { server.stop() }
        let qtest = try machine(server)
        let function = try function(qtest)
        try qtest.writel(try function.address(ofBAR: 0) + 0x100, 1)
        try qtest.writeq(try function.address(ofBAR: 0) + 0x108, 2)
        #expect(try qtest.readl(try function.address(ofBAR: 0) + 0x100) == 1)
        let writes = server.messages.filter { $0.header.command == .regionWrite }
        for write in writes {
            let isBAR = write.word(8) == 0
            #expect(write.header.wantsReply == !isBAR)
        }
        #expect(writes.filter { $0.word(8) == 0 }.map { $0.word(12) } == [4, 8])
    }

    @Test(.rule("QEMU-9")) func `Without posted writes every write wants its reply`() throws {
        let server = try ScriptedServer()
        defer { server.stop() }
        let qtest = try machine(server, #","x-no-posted-writes":true"#)
        let function = try function(qtest)
        try qtest.writel(try function.address(ofBAR: 0) + 0x100, 1)
        #expect(server.messages.allSatisfy { $0.header.wantsReply })
    }

    @Test(.rule("QEMU-8")) func `A reply to a posted write ends the conversation`() throws {
        let server = try ScriptedServer { message in
            message.header.command == .regionWrite && !message.header.wantsReply
                ? .unwanted : .usual
        }
        defer { server.stop() }
        let qtest = try machine(server, #","x-msg-timeout":200"#)
        let bar = try function(qtest).address(ofBAR: 0)
        try qtest.writel(bar + 0x100, 1)
        #expect(try qtest.readl(bar + 0x100) == 0xffff_ffff)
        #expect(qtest.qemu.diagnostics.contains("unexpected reply"))
    }

    @Test(.rule("QEMU-22")) func `A read that is answered too late reads as ones`() throws {
        let server = try ScriptedServer { message in
            message.header.command == .regionRead && message.word(8) == 0 ? .nothing : .usual
        }
        defer { server.stop() }
        let qtest = try machine(server, #","x-msg-timeout":200"#)
        let function = try function(qtest)
        #expect(try qtest.readl(try function.address(ofBAR: 0)) == 0xffff_ffff)
        #expect(try function.config(read: 0, width: 4) == 0x11e8_1234)
    }

    @Test(.rule("QEMU-23")) func `When the server hangs up, reads are ones and QEMU lives on`()
        throws
    {
        let server = try ScriptedServer { message in
            message.header.command == .regionRead && message.word(8) == 0 ? .hangUp : .usual
        }
        defer { server.stop() }
        let qtest = try machine(server)
        let bar = try function(qtest).address(ofBAR: 0)
        #expect(try qtest.readl(bar) == 0xffff_ffff)
        #expect(try qtest.readw(bar + 8) == 0xffff)
        try qtest.writel(0x10_0000, 9)
        #expect(try qtest.readl(0x10_0000) == 9)
    }

    @Test(.rule("QEMU-19")) func `The pin is unmasked by the next access to a BAR`() throws {
        let server = try ScriptedServer(ScriptedFunction(hasPin: true))
        defer { server.stop() }
        let qtest = try machine(server)
        _ = try function(qtest)
        #expect(server.interruptRequests(.intx).first == "0+1 0x24 fds 1")
        // The reset of the machine takes the pin away and gives it back.
        #expect(server.interruptRequests(.intx).contains("0+0 0x21 fds 0"))
        #expect(server.interruptRequests(.intx).last == "0+1 0x24 fds 1")
    }
}
