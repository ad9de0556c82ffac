import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// Every host call of a server, its device and its client fails once in turn: whoever made it
    /// hears of it by a typed error or an end, nothing is left behind, and the next client works.
    @Suite struct HostFaultTests {
        @Test(
            .rules("VU-33", "VU-34"),
            arguments: [
                "HOST-DESCRIPTOR", "HOST-EVENTFD", "HOST-TIMER", "HOST-EPOLL", "HOST-SOCKET",
                "HOST-LISTEN", "HOST-ACCEPT", "HOST-CONNECT", "HOST-MEMFD", "HOST-MAP",
                "HOST-ENTROPY", "HOST-THREAD",
            ])
        func everyCallFailsOnce(code: String) async {
            await #expect(processExitsWith: .success) { [code] in
                // Whatever is made once for the process is made before descriptors are counted.
                #expect(await Self.lifeWithAServer() == nil)
                let before = try OpenObjects()
                var calls = 0
                while calls < 200 {
                    let name = "\(code)=EMFILE@\(calls + 1)"
                    HostFaults.arm([try #require(HostFault(name))])
                    let failure = await Self.lifeWithAServer()
                    let taken = HostFaults.taken
                    HostFaults.arm([])
                    #expect(taken <= 1)
                    if taken == 0 {
                        #expect(failure == nil, "\(name)")
                        break
                    }
                    #expect(try OpenObjects() == before, "\(name) left descriptors behind")
                    calls += 1
                }
                #expect((1..<200).contains(calls), "\(calls) calls")
                #expect(await Self.lifeWithAServer() == nil)
            }
        }

        /// A server, devices with interrupts, a timer and memory, a client that uses all of it, and
        /// the end. Returns what went wrong, if something did.
        private static func lifeWithAServer() async -> String? {
            let parent = VectorPool(name: "parent", capacity: 8)
            let outcome = await use(parent)
            #expect(parent.figures.held == 0, "leases are left")
            return outcome
        }

        private static func use(_ parent: VectorPool) async -> String? {
            let path = NSTemporaryDirectory() + "carillon-fault-\(UInt64.random(in: 0 ... .max))"
            do {
                let server = try VFIOUserServer(.init(loops: 1))
                defer { server.stop() }
                let tester = try InterruptTester(.init(vectors: 2, messages: nil))
                let rng = path + "-rng"
                try await server.serve(
                    DevicePlacement(name: "tester", socketPath: path, parent: parent)
                ) { tester }
                try await server.serve(
                    DevicePlacement(name: "rng", socketPath: rng, parent: parent)
                ) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
                return try fireAndRead(path, rng)
            } catch { return "\(error)" }
        }

        private static func fireAndRead(_ tester: String, _ rng: String) throws -> String? {
            let guest = try GuestFunction(
                try VFIOUserClient(path: tester, timeoutMilliseconds: 2000))
            let event = try EventFD()
            try guest.setMSIX(enable: true)
            try guest.bind(0, to: event)
            try guest.write(0, bar: 0, at: TesterRegister.fire.rawValue, .dword)
            _ = try guest.read(bar: 0, TesterRegister.fire.rawValue, .dword)
            guard event.drain() == 1 else { return "no interrupt" }
            let client = try VFIOUserClient(path: rng, timeoutMilliseconds: 2000)
            let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
            try client.map(ram)
            let driver = try VirtioGuestDriver(client, ram: ram)
            return try driver.request(32).count == 32 ? nil : "too few bytes"
        }
    }
}
