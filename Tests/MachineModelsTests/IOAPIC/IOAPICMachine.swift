import MachineModels
import PlatformTypes
import Registers

/// An I/O APIC with a guest in front of it.
struct IOAPICMachine {
    var controller: IOAPIC
    private var effects = IOAPICEffects()

    init(extendedDestinations: Bool = false) {
        controller = IOAPIC(extendedDestinations: extendedDestinations)
    }

    /// What the operation led to.
    mutating func doing(
        _ operation: (inout IOAPIC, inout IOAPICEffects) -> Void
    ) -> IOAPICEffects {
        effects.removeAll()
        operation(&controller, &effects)
        return effects
    }

    mutating func select(_ register: UInt64) {
        _ = doing { $0.write(register, at: 0, .dword, into: &$1) }
    }

    mutating func read(_ register: UInt64) -> UInt64 {
        select(register)
        return controller.read(at: 0x10, .dword)
    }

    @discardableResult
    mutating func write(_ register: UInt64, _ value: UInt64) -> IOAPICEffects {
        select(register)
        return doing { $0.write(value, at: 0x10, .dword, into: &$1) }
    }

    /// Writes bits 31:0 of the entry of `pin`.
    @discardableResult
    mutating func program(_ pin: Int, _ low: UInt64) -> IOAPICEffects {
        write(UInt64(0x10 + 2 * pin), low)
    }

    @discardableResult
    mutating func line(_ pin: Int, _ asserted: Bool) -> IOAPICEffects {
        doing { $0.setLine(pin, asserted, into: &$1) }
    }

    @discardableResult
    mutating func end(_ vector: UInt8) -> IOAPICEffects {
        doing { $0.endOfInterrupt(vector: vector, into: &$1) }
    }
}
