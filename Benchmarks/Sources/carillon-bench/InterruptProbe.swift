import CFloor
import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers

/// A device that times itself: what is written to one of its registers behind BAR 0 is how often it
/// does what the register is for, all on the loop that serves it.
struct InterruptProbe: DeviceModel {
    enum Register: Int {
        /// States the cause of vector 0.
        case raise = 0
        /// Writes to an eventfd that no interrupt has to do with.
        case bareSignal = 4
        /// Does nothing.
        case nothing = 8
        /// Takes the time; reads as the nanoseconds between the last two times.
        case stamp = 16
    }

    private var stamp: UInt64 = 0
    private var elapsed: UInt64 = 0

    let function: PCIFunctionDescription
    let admission = VectorAdmission.atCreation
    let barWindow: Int? = nil

    init() {
        do throws(PCIDescriptionError) {
            function = try PCIFunctionDescription(
                identity: PCIIdentity(
                    vendor: 0x1234, device: 0x0001,
                    classCode: ClassCode(baseClass: 0xff, subClass: 0)),
                bars: [.memory32(0, size: 4096), .memory32(1, size: 4096)],
                capabilities: [
                    .msix(tableSize: 1, tableBAR: 1, tableOffset: 0, pbaBAR: 1, pbaOffset: 2048)
                ])
        } catch {
            preconditionFailure("the probe is a valid function: \(error)")
        }
    }

    func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        access.offset == Register.stamp.rawValue ? elapsed : 0
    }

    mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        switch Register(rawValue: access.offset) {
        case .raise:
            for _ in 0..<value { bus.interrupts.assert(VectorIndex(0)) }
        case .bareSignal:
            precondition(floor_signal(value) == 0, "an eventfd takes signals")
        case .stamp:
            let now = MonotonicClock.nowNanoseconds
            (stamp, elapsed) = (now, now - stamp)
        case .nothing, nil: return
        }
    }

    mutating func reset(on bus: inout DeviceBus) {}
}
