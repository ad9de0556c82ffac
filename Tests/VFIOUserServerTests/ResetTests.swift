import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer
import VFIOUserWire

extension Serving {
    @Suite struct ResetTests {
        /// Offsets in a `ManualDevice`: PCI Express, then Power Management.
        private func capability(_ id: UInt8, of rig: Rig) throws -> Int {
            try #require(rig.guest.offsets(ofCapability: id).first)
        }

        @Test(.rule("VU-20"), .scenario("T-R1"), arguments: [true, false])
        func afterAResetNothingOldArrives(byCommand: Bool) async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.set(.assert, 0)
            try rig.client.mask(.msix, 1)
            try rig.set(.assert, 1)
            if byCommand {
                try rig.client.reset()
            } else {
                let express = try capability(0x10, of: rig)
                try rig.guest.writeConfig(0x8000, at: express + 8, .word)
            }
            #expect(event.drain() == 0, "the signal of before was taken back")
            try rig.guest.writeConfig(6, at: 4, .word)
            #expect(try !rig.guest.isPending(1))
            try rig.guest.setMSIX(enable: true)
            try rig.set(.assert, 0)
            #expect(event.drain() == 1, "the binding stays")
            let report = try await rig.report()
            #expect(report.recalled == 1)
            #expect(report.booksBalance)
        }

        @Test(.rule("VU-20")) func aBlockingEventfdCannotHoldAResetUp() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.bind(0, to: event)
            #expect(fcntl(event.raw, F_SETFL, 0) == 0)
            try rig.client.reset()
            #expect(try rig.client.deviceInfo().regionCount == 9)
        }

        @Test(.rule("VU-20"), .scenario("T-R6"))
        func resetsAmongBindingsLeakNothing() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.bind(0, to: event)
            for _ in 0..<100 {
                try rig.guest.bind(0, to: event)
                try rig.client.reset()
                try rig.client.unbind(.msix, 0..<1)
                try rig.client.reset()
                try rig.guest.bind(0, to: event)
            }
            #expect(EventCopies.count(of: event) == 2, "the test's and the server's")
            #expect(rig.server.parent.figures.held == 4)
        }

        @Test(.rule("VU-9"), .scenario("T-R7"))
        func withoutMemorySpaceTheTableIsGoneAndVectorsFire() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.guest.writeConfig(4, at: 4, .word)
            #expect(try rig.guest.read(bar: 1, 0, .dword) == 0xffff_ffff)
            try rig.client.trigger(.msix, 0)
            #expect(event.drain() == 1)
        }

        @Test(.rule("VU-20"), .scenario("T-R5"))
        func withoutBusMasterAMessageWaits() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.guest.writeConfig(2, at: 4, .word)
            try rig.set(.assert, 0)
            #expect(event.drain() == 0)
            try rig.guest.writeConfig(6, at: 4, .word)
            #expect(event.drain() == 1)
        }

        @Test(.rule("VU-20"), .scenario("T-R4"), arguments: [true, false])
        func outsideD0AMessageWaits(noSoftReset: Bool) async throws {
            let rig = try await Rig.manual(try ManualDevice(noSoftReset: noSoftReset))
            let event = try EventFD()
            let power = try capability(0x01, of: rig) + 4
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.guest.writeConfig(3, at: power, .word)
            try rig.client.trigger(.msix, 0)
            #expect(event.drain() == 0)
            try rig.guest.writeConfig(0, at: power, .word)
            #expect(event.drain() == (noSoftReset ? 1 : 0))
            try rig.guest.writeConfig(6, at: 4, .word)
            try rig.guest.setMSIX(enable: true)
            #expect(event.drain() == (noSoftReset ? 0 : 1), "the cause outlived the reset")
        }

        @Test(.rule("VU-9"), .scenario("T-X25"), arguments: [(3, 1), (2, 2), (0, 4)])
        func messageControlTakesEveryWidth(offset: Int, bytes: Int) async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let control = try capability(0x11, of: rig)
            let value: UInt64 = bytes == 1 ? 0xc0 : bytes == 2 ? 0xc000 : 0xc000_0000
            try rig.client.write(
                value, .config, at: UInt64(control + offset),
                bytes == 1 ? .byte : bytes == 2 ? .word : .dword)
            #expect(try rig.guest.readConfig(control + 2, .word) == 0xc003)
        }

        @Test(.rule("VU-9"), .scenario("T-X26")) func readOnlyBitsStay() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let msix = try capability(0x11, of: rig)
            try rig.guest.writeConfig(0x3fff, at: msix + 2, .word)
            #expect(try rig.guest.readConfig(msix + 2, .word) == 3)
            try rig.guest.writeConfig(0xffff_ffff, at: msix + 4, .dword)
            #expect(try rig.guest.readConfig(msix + 4, .dword) == 1)
        }

        @Test(.rule("VU-9"), .scenario("T-X24"), arguments: [true, false])
        func tableAndArrayAreWhereTheDescriptionSays(sharesPage: Bool) async throws {
            let rig = try await Rig.manual(try ManualDevice(sharesPage: sharesPage))
            try rig.guest.program(3, MSIMessage(address: 0xfee0_1000, data: 7), masked: true)
            let (bar, table) = sharesPage ? (0, 0x400) : (1, 0)
            #expect(try rig.guest.read(bar: bar, table + 48, .qword) == 0xfee0_1000)
            #expect(try rig.guest.read(bar: bar, table + 64, .dword) == UInt64(table + 64))
            #expect(try rig.guest.read(bar: 0, 0x3f8, .qword) == 0x3f8)
            try rig.guest.setMSIX(enable: true)
            try rig.set(.assert, 3)
            #expect(try rig.guest.isPending(3))
        }

        @Test(.rule("VU-9")) func anAccessBecomesTheFewestAlignedOnes() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let bytes = [UInt8](repeating: 0, count: 19)
            let client = rig.client
            rig.client.disconnect()
            _ = client
            let raw = try StreamTests.freshClient(rig.server)
            _ = try raw.call(.regionWrite) {
                RegionAccess(region: .config, range: 4..<6).encode(into: &$0)
                $0 += [6, 0]
            }
            let reply = try raw.call(.regionWrite) {
                RegionAccess(region: .bar(0), range: 0x103..<0x103 + 19).encode(into: &$0)
                $0 += bytes
            }
            #expect(reply.errno == nil)
            let widths = try raw.call(.regionRead) {
                RegionAccess(region: .bar(0), range: 40..<48).encode(into: &$0)
            }
            // 0x103: 1, 0x104: 4, 0x108: 8, 0x110: 4, 0x114: 2.
            #expect(widths.payload.suffix(8) == [0x42, 0x48, 0x01, 0, 0, 0, 0, 0])
        }
    }
}
