import DeviceModels
import Foundation
import LinuxKernel
import MachineModels
import MessageSignaledInterrupts
import Registers
import ServerSupport
import TestTraits
import Testing
import VirtualMachine

extension Machines {
    /// How machines begin and end, and what is left of them.
    @Suite struct MachineLifeTests {
        @Test(.rule("VM-3")) func aTripleFaultEndsTheMachine() throws {
            let test = try TestMachine(processors: 2)
            // Without a table of handlers an undefined instruction is the third fault at once.
            let payload = try TinyPayload([0x0f, 0x0b])
            guard case .shutdown(_, let address) = try test.machine.run(payload.image) else {
                Issue.record("it ended otherwise")
                return
            }
            #expect(address != nil)
        }

        @Test(.rule("VM-3")) func aResetEndsTheMachine() throws {
            let test = try TestMachine()
            // mov dx, 0xcf9; mov al, 6; out dx, al; hlt
            let payload = try TinyPayload([0x66, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4])
            guard case .reset = try test.machine.run(payload.image) else {
                Issue.record("it ended otherwise")
                return
            }
        }

        @Test(.rule("VM-3")) func aGuestSwitchesOff() throws {
            let test = try TestMachine()
            // mov dx, 0x600; mov al, 0x34; out dx, al; hlt
            let payload = try TinyPayload([0x66, 0xba, 0x00, 0x06, 0xb0, 0x34, 0xee, 0xf4])
            guard case .poweredOff = try test.machine.run(payload.image) else {
                Issue.record("it ended otherwise")
                return
            }
        }

        @Test(
            .rule("VM-3"),
            arguments: [
                [0xf4, 0xeb, 0xfd],  // hlt; jmp to it
                [0xeb, 0xfe],  // jmp to itself
            ] as [[UInt8]])
        func aStopEndsProcessorsThatSleepOrSpin(code: [UInt8]) throws {
            let before = try Self.threads()
            do {
                let test = try TestMachine(processors: 4)
                let payload = try TinyPayload(code)
                let machine = test.machine
                let stopper = try KernelThread(name: "stopper") { machine.stop() }
                guard case .stopped = try machine.run(payload.image) else {
                    Issue.record("it ended otherwise")
                    return
                }
                stopper.join()
            }
            #expect(try Self.threads().isSubset(of: before))
        }

        @Test(.rule("VM-4")) func whatIsNoImageIsRefused() throws {
            let machine = try TestMachine().machine
            for (path, code) in [
                ("/nonexistent", "HOST-FILE"), ("/proc/self/status", "VM-IMAGE"),
                ("/proc/self/exe", "VM-IMAGE"),
            ] {
                do throws(MachineError) {
                    _ = try machine.run(.payload(path: path, arguments: ""))
                    Issue.record("\(path) ran")
                } catch { #expect(error.code == code, "\(path): \(error)") }
                do throws(MachineError) {
                    _ = try machine.run(.kernel(path: path, initrd: nil, commandLine: ""))
                    Issue.record("\(path) ran")
                } catch { #expect(error.code == code, "\(path): \(error)") }
            }
        }

        @Test(.rule("VM-2")) func aMachineLeavesNothingBehind() async {
            // In a process of its own: others open descriptors, too.
            await #expect(processExitsWith: .success) { try Self.leaveNothing() }
        }

        private static func leaveNothing() throws {
            let threads = try Self.threads()
            let before = try OpenObjects()
            for round in 0..<6 {
                let chip = Chip.allCases[round % Chip.allCases.count]
                let test = try TestMachine(processors: 2, chip: chip)
                _ = try test.add("tester", .init(vectors: 16))
                let end = try test.machine.run(.payload(path: Payload.path, arguments: "self"))
                guard case .verdict(0) = end else {
                    Issue.record("\(chip): \(end): \(test.recording.text)")
                    return
                }
            }
            #expect(try Self.threads().isSubset(of: threads))
            try expectNothingLeft(since: before)
        }

        /// The threads of machines.
        private static func threads() throws -> Set<String> {
            let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            return Set(
                names.filter {
                    let name = try? String(
                        contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)
                    return name?.hasPrefix("vcpu-") == true || name?.hasPrefix("machine") == true
                })
        }
    }
}
