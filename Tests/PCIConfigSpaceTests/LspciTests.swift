import MessageSignaledInterrupts
import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// An outsider reads what we describe: pciutils decodes the dump.
@Suite(.rule("CFG-45"), .enabled(if: Lspci.isAvailable, Lspci.reason))
struct LspciTests {
    /// Whether some decoded line contains `text`.
    private func says(_ lines: [String], _ text: String) -> Bool {
        lines.contains { $0.contains(text) }
    }

    @Test(
        .rules("CFG-5", "CFG-8", "CFG-10", "CFG-30", "CFG-31", "CFG-34", "CFG-36", "CFG-38"),
        arguments: [
            "00:00.0 0880: 1234:5678 (rev 42) (prog-if 01)",
            "Subsystem: 9abc:def0",
            "Control: I/O- Mem- BusMaster- SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- "
                + "FastB2B- DisINTx-",
            "Status: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- "
                + ">SERR- <PERR- INTx-",
            "Interrupt: pin A routed to IRQ 0",
            "Capabilities: [40] Power Management version 3",
            "Flags: PMEClk- DSI- D1- D2- AuxCurrent=0mA PME(D0-,D1-,D2-,D3hot-,D3cold-)",
            "Status: D0 NoSoftRst- PME-Enable-",
            "Capabilities: [48] Express (v2) Endpoint, MSI 00",
            "MaxPayload 256 bytes, PhantFunc 0",
            "ExtTag+ AttnBtn- AttnInd- PwrInd- RBE+ FLReset+",
            "RlxdOrd+ ExtTag- PhantFunc- AuxPwr- NoSnoop+ FLReset-",
            "MaxPayload 128 bytes, MaxReadReq 512 bytes",
            "Port #0, Speed 8GT/s, Width x4, ASPM not supported",
            "ASPM Disabled; RCB 64 bytes, Disabled- CommClk-",
            "Completion Timeout: Not Supported, TimeoutDis+",
            "Supported Link Speeds: 2.5-8GT/s",
            "Target Link Speed: 8GT/s",
            "Capabilities: [84] MSI-X: Enable- Count=9 Masked-",
            "Vector table: BAR=1 offset=00001000",
            "PBA: BAR=1 offset=00002000",
            "Capabilities: [90] Vendor Specific Information: Len=08",
            "Capabilities: [98] Vendor Specific Information: Len=04",
            "Capabilities: [100 v1] Device Serial Number 00-11-22-33-44-55-66-77",
            "Capabilities: [10c v1] Vendor Specific Information: ID=0001 Rev=0 Len=00c",
        ])
    func afterResetTheOutsiderSees(_ text: String) throws {
        let lines = try Lspci.decode(ConfigSpace(try ExampleFunctions.everything()))
        #expect(says(lines, text))
    }

    @Test(
        .rules("CFG-6", "CFG-8", "CFG-20", "CFG-21", "CFG-22", "CFG-31", "CFG-36"),
        arguments: [
            "Control: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr+ Stepping- SERR+ "
                + "FastB2B- DisINTx+",
            "ParErr+ DEVSEL=fast >TAbort+ <TAbort+ <MAbort+ >SERR+ <PERR+ INTx+",
            "Interrupt: pin A routed to IRQ 11",
            "Region 0: Memory at feb01000 (32-bit, non-prefetchable)",
            "Region 1: Memory at 4000004000 (64-bit, prefetchable)",
            "Region 3: I/O ports at c020",
            "Region 4: Memory at 600000000 (64-bit, non-prefetchable)",
            "Status: D3 NoSoftRst+",
            "CorrErr+ NonFatalErr- FatalErr+ UnsupReq- AuxPwr- TransPend-",
            "MSI-X: Enable+ Count=9 Masked+",
        ])
    func afterWritesTheOutsiderSees(_ text: String) throws {
        var config = ConfigSpace(try ExampleFunctions.everything(noSoftReset: true))
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0xFFFF, into: &changes)
        config.write(at: 0x10, .dword, 0xFEB0_1234, into: &changes)
        config.write(at: 0x14, .qword, 0x40_0000_4000, into: &changes)
        config.write(at: 0x1C, .dword, 0xC03F, into: &changes)
        config.write(at: 0x20, .qword, 0x6_1234_5678, into: &changes)
        config.write(at: 0x3C, .byte, 11, into: &changes)
        config.write(at: Offset.powerControl, .word, 3, into: &changes)
        config.write(at: Offset.messageControl, .word, 0xC000, into: &changes)
        config.record([
            .masterDataParityError, .signaledTargetAbort, .receivedTargetAbort,
            .receivedMasterAbort, .signaledSystemError, .detectedParityError,
        ])
        config.record([.correctable, .fatal] as DeviceErrors)
        config.setInterruptStatus(true)
        #expect(says(try Lspci.decode(config), text))
    }

    /// Every pin, and every table size at which an encoding could slip.
    @Test(.rules("CFG-10", "CFG-36"), arguments: [1, 2, 64, 1024, 2048])
    func theOutsiderCountsTheVectors(tableSize: Int) throws {
        let function = try ExampleFunctions.function(
            bars: [.memory32(5, size: 0x10000)],
            [.msix(tableSize: tableSize, tableBAR: 5, tableOffset: 0x100, pbaBAR: 5, pbaOffset: 0)])
        let lines = try Lspci.decode(ConfigSpace(function))
        #expect(says(lines, "Capabilities: [40] MSI-X: Enable- Count=\(tableSize) Masked-"))
        #expect(says(lines, "Vector table: BAR=5 offset=00000100"))
        #expect(says(lines, "PBA: BAR=5 offset=00000000"))
        #expect(!says(lines, "Interrupt: pin"))
    }

    /// Every form of MSI, after writes that reach each of its registers.
    @Test(.scenario("T-M06"), .rules("MSI-2", "MSI-12"), arguments: MSICapabilityTests.layouts)
    func theOutsiderReadsEveryFormOfMSI(layout: MSILayout) throws {
        var config = ConfigSpace(try ExampleFunctions.function([.msi(layout)]))
        var changes = ConfigChanges()
        config.write(at: 0x42, .word, 0x71, into: &changes)
        config.write(at: 0x44, .dword, 0xfee0_1000, into: &changes)
        if layout.is64Bit { config.write(at: 0x48, .dword, 0x1, into: &changes) }
        let data = layout.is64Bit ? 0x4c : 0x48
        config.write(at: data, .word, 0x4321, into: &changes)
        if layout.hasMasking { config.write(at: data + 4, .dword, 1, into: &changes) }
        config.setMSIPending(1)
        let lines = try Lspci.decode(config)
        let count = "\(layout.messages)/\(layout.messages)"
        #expect(
            says(
                lines,
                "Capabilities: [40] MSI: Enable+ Count=\(count) "
                    + "Maskable\(layout.hasMasking ? "+" : "-") "
                    + "64bit\(layout.is64Bit ? "+" : "-")"))
        let address = layout.is64Bit ? "00000001fee01000" : "fee01000"
        #expect(says(lines, "Address: \(address)  Data: 4321"))
        #expect(says(lines, "Masking: 00000001  Pending: 00000001") == layout.hasMasking)
    }

    @Test(.rule("CFG-10"), arguments: zip([InterruptPin.inta, .intb, .intc, .intd], "ABCD"))
    func theOutsiderNamesThePin(pin: InterruptPin, letter: Character) throws {
        let lines = try Lspci.decode(ConfigSpace(try ExampleFunctions.function(pin: pin)))
        #expect(says(lines, "Interrupt: pin \(letter) routed"))
    }

    @Test(.rules("CFG-30", "CFG-37"))
    func theOutsiderReadsVirtioLocations() throws {
        let common: [UInt8] = [1, 4, 0, 0, 0, 0x00, 0x10, 0, 0, 0x38, 0, 0, 0]
        let notify: [UInt8] = [2, 4, 0, 0, 0, 0x00, 0x30, 0, 0, 0x00, 0x10, 0, 0, 4, 0, 0, 0]
        let function = try PCIFunctionDescription(
            identity: PCIIdentity(
                vendor: 0x1AF4, device: 0x1044,
                classCode: ClassCode(baseClass: 0xFF, subClass: 0)),
            bars: [.memory64(4, size: 0x4000, prefetchable: true)],
            capabilities: [.vendor(common), .vendor(notify)])
        let lines = try Lspci.decode(ConfigSpace(function))
        #expect(says(lines, "Capabilities: [40] Vendor Specific Information: VirtIO: CommonCfg"))
        #expect(says(lines, "BAR=4 offset=00001000 size=00000038"))
        #expect(says(lines, "Capabilities: [50] Vendor Specific Information: VirtIO: Notify"))
        #expect(says(lines, "BAR=4 offset=00003000 size=00001000 multiplier=00000004"))
    }

    @Test(.rules("CFG-30", "CFG-35"))
    func theOutsiderSeesNoFunctionLevelResetWhereNoneIs() throws {
        let endpoint = PCIExpressEndpoint(
            linkSpeed: .gigatransfers16, linkWidth: .x16, maxPayload: .bytes512,
            functionLevelReset: false)
        let function = try ExampleFunctions.function([.vendor([]), .pciExpress(endpoint)])
        let lines = try Lspci.decode(ConfigSpace(function))
        #expect(says(lines, "Capabilities: [44] Express (v2) Endpoint"))
        #expect(says(lines, "RBE+ FLReset-"))
        #expect(says(lines, "MaxPayload 512 bytes, PhantFunc 0"))
        #expect(says(lines, "Speed 16GT/s, Width x16"))
    }

    @Test(.rules("CFG-1", "CFG-5"))
    func theOutsiderFindsNoCapabilitiesInABareFunction() throws {
        let lines = try Lspci.decode(ConfigSpace(try ExampleFunctions.bare()))
        #expect(lines.first?.hasPrefix("00:00.0 0880: 1234:5678") == true)
        #expect(says(lines, "Status: Cap-"))
        #expect(!says(lines, "Capabilities:"))
        #expect(!says(lines, "Region"))
    }
}
