import DeviceModels
import IRQDomains
import LinuxKernel
import PlatformTypes
import ServerSupport
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// A virtio device and a driver with a socket between them.
    @Suite struct VirtioTests {
        @Test(
            .rules("VIO-1", "VIO-4"), .scenarios("T-D01", "T-D03"),
            arguments: [
                (0, VirtioGuestDriver.Policy.each), (1, .shared), (2, .one), (3, .one), (4, .pin),
            ])
        func aDriverThatIsRefusedVectorsStillWorks(
            refusals: Int, policy: VirtioGuestDriver.Policy
        ) async throws {
            let server = try TestServer(refusing: refusals)
            try await server.serve { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
            let client = try server.client()
            let ram = try GuestRAM(base: IOVA(0x10_0000), size: 1 << 20)
            try client.map(ram)
            let driver = try VirtioGuestDriver(client, ram: ram)
            #expect(driver.refusals <= refusals)
            #expect(refusals == 0 || driver.refusals > 0)
            #expect(refusals > 0 || driver.policy == policy)
            for _ in 0..<8 { #expect(try driver.request(64).count == 64) }
            let report = try #require(await server.server.report(of: "device"))
            #expect(report.booksBalance)
            client.disconnect()
            _ = try server.events.disconnect(of: "device")
            #expect(server.parent.figures.held == 0)
        }

        @Test(.rules("VIO-1", "VIO-4")) func twoDriversShareAParentOfThree() async throws {
            let server = try TestServer(vectors: 3)
            var drivers: [VirtioGuestDriver] = []
            for name in ["a", "b"] {
                try await server.serve(as: name) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
                let client = try server.client(name)
                let ram = try GuestRAM(base: IOVA(0x10_0000), size: 1 << 20)
                try client.map(ram)
                drivers.append(try VirtioGuestDriver(client, ram: ram))
            }
            #expect(drivers.map(\.policy) == [.each, .one])
            for driver in drivers { #expect(try driver.request(32).count == 32) }
            #expect(server.parent.figures.held == 3)
        }
    }
}
