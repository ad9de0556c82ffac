import DeviceModels
import InterruptDelivery
import LinuxKernel
import MessageSignaledInterrupts
import ServerSupport
import TestTraits
import Testing
import VirtualMachine

extension Machines {
    /// The built-in guest judges the interrupts: its own table of handlers, its own counts.
    @Suite struct PayloadTests {
        private static func run(_ test: TestMachine, _ arguments: String = "") async throws {
            let end = try await test.run(.payload(path: Payload.path, arguments: arguments))
            let text = test.recording.text
            guard case .verdict(0) = end else {
                Issue.record("\(end)\n\(text)")
                return
            }
            #expect(
                text.contains(
                    arguments.isEmpty ? "pass self" : "pass \(arguments.prefix { $0 != "," })"))
            #expect(!text.contains("fail "))
            let troubles = test.recording.events.filter {
                if case .routesNearLimit = $0 { false } else { true }
            }
            #expect(troubles.isEmpty, "\(troubles)")
        }

        @Test(arguments: Chip.allCases, [1, 3])
        func aMachineWithoutDevices(chip: Chip, processors: Int) async throws {
            try await Self.run(try TestMachine(processors: processors, chip: chip))
        }

        @Test(
            .scenarios("T-X01", "T-X02", "T-X03", "T-X04", "T-X12", "T-P02", "T-P03", "T-K09"),
            .rules("VM-6", "VM-7", "VM-8", "VM-9"), arguments: Chip.allCases, [1, 2])
        func aTesterOfThisProgram(chip: Chip, processors: Int) async throws {
            let test = try TestMachine(processors: processors, chip: chip)
            _ = try test.add("tester", .init(vectors: 64, slots: 8))
            try await Self.run(test)
            let figures = test.machine.figures
            #expect(figures.messages.delivered > 0 && figures.messages.failed == 0)
            #expect(figures.devices.first?.lost["reserved-vector"] != nil, "T-K09 was played")
            #expect(figures.devices.first?.lost["no-target"] != nil, "T-K10 was played")
            #expect(figures.routes.routes <= 40, "messages of this program hold no routes")
        }

        @Test(.rules("VM-6"), arguments: Chip.allCases)
        func aWholeTable(chip: Chip) async throws {
            let test = try TestMachine(processors: 2, chip: chip)
            _ = try test.add("tester", .init(vectors: 2048, messages: nil, hasPin: false))
            try await Self.run(test, "msix-count,unmask-many,storm")
        }

        @Test(
            .scenarios("T-I05", "T-I06", "T-I07", "T-I09", "T-X08", "T-K05", "T-K08"),
            .rules("VM-10", "VM-11", "VM-12", "VM-13"), arguments: Chip.allCases)
        func fourFunctionsShareAPin(chip: Chip) async throws {
            let server = try TestServer(vectors: 256)
            try await server.serve(
                try InterruptTester(.init(vectors: 64, slots: 8)), as: "first")
            try await server.serve(try InterruptTester(.init(vectors: 4)), as: "second")
            let test = try TestMachine(processors: 2, chip: chip)
            try test.machine.connect("first", slot: 1, socket: server.path("first"))
            try test.machine.connect("second", slot: 5, socket: server.path("second"))
            _ = try test.add("third", slot: 9, .init(vectors: 8))
            _ = try test.add("fourth", slot: 13, .init(vectors: 0, messages: nil))
            try await Self.run(test)
            let figures = test.machine.figures
            #expect(figures.events.attached > 0 && figures.events.refused == 0)
        }

        @Test(.rules("VM-14"), .scenarios("T-K16"), arguments: Chip.allCases)
        func moreInterruptsThanRoutes(chip: Chip) async throws {
            let server = try TestServer(vectors: 256)
            try await server.serve(
                try InterruptTester(.init(vectors: 64, messages: nil, hasPin: false)))
            let test = try TestMachine(processors: 2, chip: chip) {
                $0.routes = 50
                $0.overcommitsRoutes = true
            }
            try test.machine.connect("tester", socket: server.path("device"))
            try await Self.run(test, "msix-count,msix-mask,msix-retarget,storm")
            #expect(test.machine.figures.events.carried > 0, "those without a route are carried")
        }
    }
}
