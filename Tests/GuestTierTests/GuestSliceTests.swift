import Foundation
import LabSupport
import TestTraits
import Testing

/// Guests on slices that a daemon starts by itself, across its sudden death.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestSliceTests {
    private struct Interrupts: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let path: String?
            let sent: Int
        }

        let interrupts: [Interrupt]
        let booksBalance: Bool
    }

    @Test(.rules("SLICE-3", "SLICE-4")) func `A guest uses the last of a thousand slices`() throws {
        let parents = """
            {"name":"p","vectors":2000,"types":[
             {"name":"rng-2","device":"virtio-rng","guarantee":2,"limit":2}]}
            """
        let daemon = try ServingDaemon(parents: parents, definitions: 1000, ofType: "rng-2")
        #expect(try daemon.slices().count { $0.state == "serving" } == 1000)
        let kernel = try #require(Lab.locate()?.kernels.last)
        let guest = try Self.boot(daemon, 1000, kernel)
        #expect(guest["msi_irqs"] == "2")
        #expect(try daemon.verb("types").contains("Available instances: 0 (limited by guarantees)"))
    }

    private static func boot(
        _ daemon: ServingDaemon, _ number: Int, _ kernel: Lab.Kernel
    ) throws -> GuestReport {
        let guest = try GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-rng",
            devices: [daemon.device(number), #"{"driver":"virtio-rng-pci","addr":"5"}"#]
        ).run()
        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)")
        #expect(guest["bytes"] == "4096")
        return guest
    }

    @Test(.rules("SLICE-3", "SLICE-7", "SLICE-9", "BACK-1"))
    func `Guests use slices that outlive their daemon`() throws {
        let daemon = try ServingDaemon(
            parents: """
                {"name":"entropy0","vectors":4,"backing":["ims:4"],"remappingEntries":8,"types":[
                 {"name":"rng-2","device":"virtio-rng","guarantee":2,"limit":2}]},
                {"name":"entropy1","vectors":1,"types":[
                 {"name":"rng-1","device":"virtio-rng","guarantee":1,"limit":1}]}
                """)
        let kernel = try #require(Lab.locate()?.kernels.last)
        for (number, parent, type) in [
            (1, "entropy0", "rng-2"), (2, "entropy0", "rng-2"), (3, "entropy1", "rng-1"),
        ] {
            try daemon.verb(
                "define", "-u", ServingDaemon.uuid(number), "-p", parent, "-t", type, "--auto")
            try daemon.verb("start", "-u", ServingDaemon.uuid(number))
        }
        let first = try Self.boot(daemon, 1, kernel)
        #expect(first["msi_irqs"] == "2", "it may have two")
        let irqs = try JSONDecoder().decode(
            Interrupts.self,
            from: Data(try daemon.verb("irqs", ServingDaemon.uuid(1), "--json").utf8))
        let queue = try #require(irqs.interrupts.first { $0.guest == "msix 1" })
        #expect(queue.sent == first.interruptCount("virtio0-input", "after"))
        #expect(irqs.booksBalance)

        try daemon.dieAndComeBack()
        #expect(try daemon.slices().map(\.state) == ["serving", "serving", "serving"])
        let third = try Self.boot(daemon, 3, kernel)
        #expect(third["msi_irqs"] != "2", "its parent has one vector: another way, and no loss")

        try daemon.verb("stop", "-u", ServingDaemon.uuid(2))
        try daemon.verb("start", "-u", ServingDaemon.uuid(4), "-p", "entropy0", "-t", "rng-2")
        #expect(try daemon.slices().map(\.uuid) == [1, 4, 3].map(ServingDaemon.uuid))
        let fourth = try Self.boot(daemon, 4, kernel)
        #expect(fourth["msi_irqs"] == "2")
    }
}
