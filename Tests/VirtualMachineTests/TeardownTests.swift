import DeviceModels
import IRQDomains
import InterruptDelivery
import LinuxKernel
import MachineModels
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOUserServer
import VirtualMachine

extension Machines {
    /// Devices that come and go while the machine is.
    @Suite struct TeardownTests {
        /// What can leak.
        private struct Held: Equatable {
            let routes: Int
            let leases: Int
            let descriptors: Int

            /// The server in this process may yet have been letting go of a client when `other` was
            /// looked at.
            func isNoMore(than other: Held) -> Bool {
                routes <= other.routes && leases <= other.leases
                    && descriptors <= other.descriptors
            }
        }

        private static func held(_ machine: Machine) throws -> Held {
            let table = machine.parts.router.table
            return Held(
                routes: table.figures.routes + table.figures.retiring,
                leases: table.pool.figures.held, descriptors: try OpenObjects().total)
        }

        /// Has the device in `slot` fire all of `vectors` every 20 microseconds, as its driver
        /// would.
        private static func startFiring(_ machine: Machine, slot: Int, vectors: Int) {
            let bus = machine.pci
            bus.writeConfig(0x6, slot, at: 4, .word)
            let registers = bus.readConfig(slot, at: 0x10, .dword) & ~0xf
            let table =
                bus.readConfig(slot, at: 0x18, .dword) & ~0xf
                | bus.readConfig(slot, at: 0x1c, .dword) << 32
            for vector in 0..<vectors {
                let entry = table + UInt64(16 * vector)
                #expect(bus.writeMemory(0xfee0_0000, entry, .dword))
                _ = bus.writeMemory(0, entry + 4, .dword)
                _ = bus.writeMemory(UInt64(0x40 + vector), entry + 8, .dword)
                _ = bus.writeMemory(0, entry + 12, .dword)
            }
            var capability = Int(bus.readConfig(slot, at: 0x34, .byte))
            while bus.readConfig(slot, at: capability, .byte) != 0x11 {
                capability = Int(bus.readConfig(slot, at: capability + 1, .byte))
            }
            bus.writeConfig(0x8000, slot, at: capability + 2, .word)
            for (register, value) in [
                (TesterRegister.rangeFirst, 0), (.rangeCount, vectors), (.timerPeriod, 20),
                (.timerControl, 1),
            ] {
                let address = registers + UInt64(register.rawValue)
                #expect(bus.writeMemory(UInt64(value), address, .dword))
            }
        }

        @Test(.scenarios("T-K15", "T-V11"), .rule("VM-15"), arguments: Chip.allCases)
        func aServedDeviceComesAndGoesWhileItFires(chip: Chip) async {
            let isSplit = chip == .split
            // In a process of its own: others open descriptors, too.
            await #expect(processExitsWith: .success) { [isSplit = isSplit as Bool] in
                try await Self.servedDevice(isSplit ? .split : .kernel)
            }
        }

        private static func servedDevice(_ chip: Chip) async throws {
            let server = try TestServer(vectors: 64)
            try await server.serve(try InterruptTester(.init(vectors: 4, messages: nil)))
            let test = try TestMachine(chip: chip)
            var before: Held?
            for cycle in 0..<1250 {
                let slot = try test.machine.connect("tester", socket: server.path("device"))
                if cycle % 25 == 0 { Self.startFiring(test.machine, slot: slot, vectors: 4) }
                #expect(test.machine.remove(slot: slot))
                await Task.yield()
                // The first cycles fill what is kept for later ones.
                if cycle == 10 { before = try await Self.settled(test.machine, nil) }
            }
            #expect(test.machine.figures.events.attached > 0)
            let first = try #require(before)
            let after = try await Self.settled(test.machine, first)
            #expect(after.isNoMore(than: first), "\(after), before \(first)")
            #expect(after.leases == 0)
            #expect(test.recording.events.isEmpty, "\(test.recording.events)")
        }

        @Test(.scenario("T-K15"), .rule("VM-15"))
        func aDeviceOfThisProgramComesAndGoesWhileItFires() async {
            await #expect(processExitsWith: .success) { try await Self.ownDevice() }
        }

        private static func ownDevice() async throws {
            let test = try TestMachine()
            let before = try Self.held(test.machine)
            for cycle in 0..<5000 {
                let slot = try test.add("tester", .init(vectors: 4, messages: nil))
                if cycle % 10 == 0 { Self.startFiring(test.machine, slot: slot, vectors: 4) }
                #expect(test.machine.remove(slot: slot))
                await Task.yield()
            }
            let after = try Self.held(test.machine)
            #expect(after.isNoMore(than: before), "\(after), before \(before)")
            #expect(test.machine.figures.messages.sum > 0, "they fired")
            #expect(test.recording.events.isEmpty)
        }

        /// Descriptors and routes once the loop and the server have let go of what was removed.
        private static func settled(_ machine: Machine, _ wanted: Held?) async throws -> Held {
            let deadline = MonotonicClock.nowNanoseconds + Patience.nanoseconds
            var last = try held(machine)
            var same = 0
            while MonotonicClock.nowNanoseconds < deadline {
                if let wanted, last.isNoMore(than: wanted) { return last }
                if wanted == nil, last.leases == 0, same > 100 { return last }
                await Task.yield()
                let next = try held(machine)
                same = next == last ? same + 1 : 0
                last = next
            }
            return last
        }

        @Test(.scenario("T-K16"), .rule("VM-5"), arguments: Chip.allCases)
        func aRefusalInTheMiddleTakesEverythingBack(chip: Chip) async {
            // The server of this process meets faults, too; those of its own steps end it.
            let codes: [HostError.Code] = [
                .eventFD, .kvmEvent, .kvmRoutes, .connect, .map, .kvmMemory,
            ]
            for code in codes {
                let name = code.rawValue
                let isSplit = chip == .split
                await #expect(processExitsWith: .success) {
                    [name = name as String, isSplit = isSplit as Bool] in
                    try await Self.refuse(name, isSplit ? .split : .kernel)
                }
            }
        }

        /// Refuses the first call with `code`, then the second and so on until none is left.
        private static func refuse(_ code: String, _ chip: Chip) async throws {
            let server = try TestServer(vectors: 64)
            try await server.serve(try InterruptTester(.init(vectors: 8)))
            let test = try TestMachine(chip: chip)
            let slot = try test.machine.connect("tester", socket: server.path("device"))
            test.machine.remove(slot: slot)
            var before = try await settled(test.machine, nil)
            for number in 1...200 {
                let fault = try #require(HostFault("\(code)=ENOMEM@\(number)"))
                HostFaults.arm([fault])
                do throws(MachineError) {
                    let slot = try test.machine.connect("tester", socket: server.path("device"))
                    test.machine.remove(slot: slot)
                } catch {
                    #expect(error.code == code || error.code.hasPrefix("CLIENT-"), "\(error)")
                }
                let wasTaken = HostFaults.taken > 0
                HostFaults.arm([])
                let after = try await settled(test.machine, before)
                guard after.isNoMore(than: before) else {
                    Issue.record("\(code)@\(number): \(after), before \(before)")
                    return
                }
                before = after
                guard wasTaken else { return }
            }
            Issue.record("there is no end of calls with \(code)")
        }

        @Test(.rule("VM-14")) func aDeviceThatCannotHaveItsRoutesIsNotAdded() async throws {
            let server = try TestServer(vectors: 256)
            try await server.serve(try InterruptTester(.init(vectors: 64, messages: nil)), as: "a")
            try await server.serve(try InterruptTester(.init(vectors: 64, messages: nil)), as: "b")
            let test = try TestMachine(chip: .split) { $0.routes = 24 + 100 }
            try test.machine.connect("a", socket: server.path("a"))
            do throws(MachineError) {
                try test.machine.connect("b", socket: server.path("b"))
                Issue.record("64 more of 36 were promised")
            } catch { #expect(error.code == "BUDGET-GUARANTEE", "\(error)") }
            #expect(test.machine.parts.router.table.pool.figures.guaranteed == 64)
            // Fewer guaranteed and fewer wished for is the administrator's choice; those beyond are
            // carried.
            let budget = try #require(VectorBudget(guarantee: 8, limit: 30))
            try test.machine.connect("b", socket: server.path("b"), budget: budget)
            #expect(test.machine.parts.router.table.pool.figures.held == 64 + 30)
            let isWarned = test.recording.events.contains {
                if case .routesNearLimit = $0 { true } else { false }
            }
            #expect(isWarned)
        }

        /// How many vectors of the served device have a way; nil if it is none.
        private static func openWays(_ machine: Machine) -> Int? {
            guard case .served(let interrupts) = machine.interrupts(of: "tester") else {
                return nil
            }
            return interrupts.count { $0.mechanism == .msix && $0.way != .none }
        }

        @Test(.rule("VM-16")) func aServerThatIsGoneChangesNothingForOthers() async throws {
            let server = try TestServer(vectors: 64)
            try await server.serve(try InterruptTester(.init(vectors: 8)))
            let test = try TestMachine()
            let slot = try test.machine.connect("tester", socket: server.path("device"))
            let other = try test.add("other", .init(vectors: 8))
            #expect(test.machine.pci.readConfig(slot, at: 0, .dword) == 0x11e9_1234)
            Self.startFiring(test.machine, slot: slot, vectors: 4)
            #expect(Self.openWays(test.machine) == 4)
            server.server.stop()
            #expect(test.machine.pci.readConfig(slot, at: 0, .dword) == 0xffff_ffff)
            #expect(Self.openWays(test.machine) == 0, "nobody takes what is not signalled")
            test.machine.pci.writeConfig(0x6, slot, at: 4, .word)
            #expect(test.machine.pci.readConfig(other, at: 0, .dword) == 0x11e9_1234)
            #expect(test.machine.figures.devices.first { $0.slot == slot }?.failure != nil)
            let losses = test.recording.events.filter {
                if case .deviceLost("tester", _) = $0 { true } else { false }
            }
            #expect(losses.count == 1)
            #expect(test.machine.remove(slot: slot))
        }
    }
}
