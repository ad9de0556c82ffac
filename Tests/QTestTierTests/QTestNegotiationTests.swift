import LabSupport
import Registers
import TestTraits
import Testing
import VFIOInterface
import VFIOUserWire

/// One wrong detail at a time while QEMU sets the device up.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestNegotiationTests {
    /// A detail, and what QEMU says to it.
    struct Detail: Sendable, CustomTestStringConvertible {
        let name: String
        /// A part of QEMU's complaint; empty when it says nothing at all.
        let complaint: String
        var function = ScriptedFunction()
        let script: ScriptedServer.Script

        var testDescription: String { name }

        init(
            _ name: String, _ complaint: String = "", function: ScriptedFunction = .init(),
            script: @escaping ScriptedServer.Script
        ) {
            self.name = name
            self.complaint = complaint
            self.function = function
            self.script = script
        }

        /// Another answer to one command.
        init(
            _ name: String, _ complaint: String = "", to command: Command,
            index: UInt32? = nil, function: ScriptedFunction = .init(),
            _ answer: ScriptedServer.Answer
        ) {
            self.init(name, complaint, function: function) { message in
                let isMeant =
                    message.header.command == command
                    && (index == nil || message.word(8) == index)
                return isMeant ? answer : .usual
            }
        }

        /// Another answer to VERSION: these capabilities, or this text as it is.
        init(
            _ name: String, _ complaint: String = "", major: UInt8 = 0, minor: UInt8 = 0,
            text: String
        ) {
            self.init(
                name, complaint, to: .version, .payload([major, 0, minor, 0] + text.utf8))
        }

        init(_ name: String, _ complaint: String = "", capability: String) {
            self.init(name, complaint, text: "{\"capabilities\":{\(capability)}}\0")
        }

        /// Another answer to DEVICE_GET_INFO.
        init(
            _ name: String, _ complaint: String = "", flags: DeviceFlags = [.reset, .pci],
            regions: UInt32 = 9, interrupts: UInt32 = 5
        ) {
            var payload: [UInt8] = []
            DeviceInfo(flags: flags, regionCount: regions, irqIndexCount: interrupts)
                .encode(into: &payload)
            self.init(name, complaint, to: .deviceGetInfo, .payload(payload))
        }
    }

    /// JSON with its NUL, as long as the request's payload of 198 bytes allows, or one byte longer.
    private static func text(_ excess: Int) -> String {
        let frame = "{\"capabilities\":{}}"
        return frame + String(repeating: " ", count: 193 + excess - frame.utf8.count) + "\0"
    }

    private static let fatal: [Detail] = [
        Detail("minor version 1", "incompatible server version", minor: 1, text: "{}\0"),
        Detail("major version 1", "incompatible server version", major: 1, text: "{}\0"),
        Detail(
            "a VERSION reply one byte longer than the request", "reply larger than recv buffer",
            text: text(1)),
        Detail("an empty text", "malformed capabilities", text: "\0"),
        Detail("a text without NUL", "corrupt version reply", text: "{}"),
        Detail("17 descriptors", "max_msg_fds", capability: #""max_msg_fds":17"#),
        Detail(
            "transfers above 64 MiB", "max_data_xfer_size",
            capability: #""max_data_xfer_size":67108865"#),
        Detail("65536 mappings", "max_dma_maps", capability: #""max_dma_maps":65536"#),
        Detail("pages of 2 KiB", "pgsizes", capability: #""pgsizes":2048"#),
        Detail("a device that is not PCI", "this isn't a PCI device", flags: [.reset]),
        Detail("7 regions", "unexpected number of io regions 7", regions: 7),
        Detail("101 regions", "invalid reply", regions: 101),
        Detail("60 interrupt indexes", "invalid reply", interrupts: 60),
        Detail("an error for a region", "region", to: .deviceGetRegionInfo, index: 0, .error(22)),
        Detail(
            "an error for MSI-X", "failed to get MSI-X irq info", to: .deviceGetIRQInfo, index: 2,
            .error(22)),
        Detail(
            "an error for the pin's eventfd", "Failed to set up TRIGGER", to: .deviceSetIRQs,
            index: 0,
            function: ScriptedFunction(hasPin: true), .error(22)),
        Detail(
            "the kernel's way of asking for more room", "failed to get region 1 info",
            to: .deviceGetRegionInfo, index: 1,
            .payload(
                [40, 0, 0, 0, 0xf, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
                    + [0, 0x10, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8))),
    ]

    private static let harmless: [Detail] = [
        Detail("nothing unusual") { _ in .usual },
        Detail("a VERSION reply as long as the request", text: text(0)),
        Detail("no text", to: .version, .payload([0, 0, 0, 0])),
        Detail("an empty object", text: "{}\0"),
        Detail("an unknown capability", "spurious capabilities", capability: #""strange":1"#),
        Detail("4 interrupt indexes", interrupts: 4),
        Detail("8 regions", regions: 8),
        Detail("10 regions", regions: 10),
        Detail("no reset", flags: [.pci]),
        Detail("an error for the reset", "reset reply error 5", to: .deviceReset, .error(5)),
        // QEMU has two texts, by whether it awaits the request yet when the reply is there.
        Detail("an error for a mapping", "command 2 error", to: .dmaMap, .error(22)),
        Detail("an error for an unmapping", "command 3 error", to: .dmaUnmap, .error(2)),
        Detail("an unmapping answered without payload", to: .dmaUnmap, .payload([])),
        Detail("an error for the error interrupt", to: .deviceGetIRQInfo, index: 3, .error(22)),
        Detail(
            "a reply that nobody asked for", "unexpected reply", to: .deviceGetInfo,
            .first([0xff, 0xff, 13, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])),
        Detail(
            "an unknown request", "unknown cmd 99", to: .deviceGetInfo,
            .first([0xff, 0xff, 99, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    ]

    @Test(.rules("QEMU-1", "QEMU-2", "QEMU-4", "QEMU-5", "QEMU-7"), arguments: fatal)
    func `QEMU refuses the device`(_ detail: Detail) throws {
        let server = try ScriptedServer(detail.function, script: detail.script)
        defer { server.stop() }
        let qemu = try QEMUProcess(
            lab: try Lab.required(), memoryMebibytes: 128,
            arguments: ["-accel", "qtest", "-device", server.device()])
        #expect(qemu.waitForExit() == 1)
        #expect(qemu.diagnostics.contains(detail.complaint))
    }

    @Test(.rule("QEMU-6")) func `QEMU does not survive a device without configuration space`()
        throws
    {
        let server = try ScriptedServer { message in
            guard message.header.command == .deviceGetRegionInfo, message.word(8) == 7 else {
                return .usual
            }
            var payload: [UInt8] = []
            RegionInfo(index: .config, flags: [], size: 0).encode(into: &payload, argsz: 32)
            return .payload(payload)
        }
        defer { server.stop() }
        let qemu = try QEMUProcess(
            lab: try Lab.required(), memoryMebibytes: 128,
            arguments: ["-accel", "qtest", "-device", server.device()])
        let status = try #require(qemu.waitForExit())
        #expect(status == 128 + 11)
    }

    @Test(.rule("QEMU-22")) func `QEMU gives up a device whose answer is late`() throws {
        let server = try ScriptedServer { message in
            message.header.command == .deviceGetInfo ? .nothing : .usual
        }
        defer { server.stop() }
        let qemu = try QEMUProcess(
            lab: try Lab.required(), memoryMebibytes: 128,
            arguments: ["-accel", "qtest", "-device", server.device(#","x-msg-timeout":100"#)])
        #expect(qemu.waitForExit() == 1)
        #expect(qemu.diagnostics.contains("timed out"))
    }

    @Test(
        .rules("QEMU-1", "QEMU-2", "QEMU-4", "QEMU-20", "QEMU-21", "QEMU-25"), arguments: harmless)
    func `QEMU takes the device`(_ detail: Detail) throws {
        let server = try ScriptedServer(detail.function, script: detail.script)
        defer { server.stop() }
        let qtest = try QTest(lab: try Lab.required(), devices: [server.device()])
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        #expect(try function.config(read: 0, width: 4) == 0x11e8_1234)
        try qtest.writel(try function.address(ofBAR: 0), 0x5a5a)
        #expect(try qtest.readl(try function.address(ofBAR: 0)) == 0x5a5a)
        if detail.complaint.isEmpty {
            #expect(qtest.qemu.diagnostics == "")
        } else {
            #expect(qtest.qemu.waitForDiagnostics(detail.complaint))
        }
        let resets = server.messages.count { $0.header.command == .deviceReset }
        #expect((resets > 0) == (detail.name != "no reset"))
    }

    @Test(.rules("QEMU-1", "QEMU-4", "QEMU-6"))
    func `Our server's answers are what QEMU wants, by QEMU's own record`() async throws {
        let machine = try await ServedMachine()
        _ = try QTestVirtioFunction(try machine.function())
        let trace = try machine.trace()
        let sent = try #require(trace.first { $0.hasPrefix("vfio_user_send_write") })
        #expect(sent.hasSuffix("wrote 0xd6"))
        let headers = trace.filter { $0.hasPrefix("vfio_user_recv_hdr") }
        let version = try #require(headers.first?.split(separator: " "))
        let size = try #require(version.firstIndex(of: "size"))
        #expect(Int(version[size + 1].dropFirst(2), radix: 16) ?? 999 <= 0xd6)
        #expect(trace.contains { $0.hasPrefix("vfio_user_version  major 0 minor 0") })
        #expect(trace.contains { $0.hasPrefix("vfio_user_get_info  #regions 9 #irqs 5") })
        #expect(
            trace.contains {
                $0.hasPrefix("vfio_user_get_region_info  index 7 flags 0x3 size 0x1000")
            })
        // No error came back: a reply with an error has bit 5 of its flags set.
        #expect(headers.allSatisfy { $0.hasSuffix("flags 0x1") })
        #expect(machine.complaints == [])
    }
}
