import Chime
import Glibc
import IRQDomains
import LinuxKernel
import PlatformTypes
import VFIOUserClient
import VFIOUserServer

/// Plays the guest: a client at the other end of a real socket, with eventfds for the vectors.
enum SelfCheck {
    static func run() async throws {
        let path = "/tmp/first-device-\(getpid()).sock"
        let parent = VectorPool(name: "parent", capacity: 2)
        let server = try VFIOUserServer(.init(loops: 1))
        defer { server.stop() }
        let chime = try Chime()
        try await server.serve(
            DevicePlacement(name: "chime", socketPath: path, parent: parent)
        ) { chime }

        let guest = try GuestFunction(try VFIOUserClient(path: path))
        let ring = try EventFD()
        let alarm = try EventFD()
        for vector in 0..<guest.vectorCount {
            let message = MSIMessage(address: 0xFEE0_0000, data: 0x40 + UInt32(vector))
            try guest.program(vector, message)
        }
        try guest.bind(0, to: ring)
        try guest.bind(1, to: alarm)
        try guest.setMSIX(enable: true)

        try guest.write(4, bar: 0, at: 8, .dword)
        try guest.write(5, bar: 0, at: 0, .dword)
        print("rung: \(try guest.read(bar: 0, 4, .dword)), of 5")
        print("interrupts of vector 0: \(ring.drain())")
        print("interrupts of vector 1: \(alarm.drain())")

        guard let report = await server.report(of: "chime") else { return }
        print("books balance: \(report.booksBalance)")
    }
}
