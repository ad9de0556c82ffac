import BasicContainers
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes

/// The eventfds that a client bound to the interrupts of one device.
///
/// Call only on the loop that the device runs on.
final class IRQWiring {
    private var vectors: UniqueArray<EventFD?>
    private var pin: EventFD?
    /// Where the client waits for an error of the host's device; there is none, so it never fires.
    private var error: EventFD?
    /// Signals that a reset took back before the client had seen them.
    private(set) var recalled: UInt64 = 0

    init(vectors count: Int) {
        vectors = UniqueArray(minimumCapacity: count)
        for _ in 0..<count { vectors.append(nil) }
    }

    /// Binds or unbinds `vector`.
    func bind(_ vector: VectorIndex, to event: consuming EventFD?) {
        vectors[vector.index] = event
    }

    /// Binds or unbinds the pin.
    func bindPin(to event: consuming EventFD?) { pin = event }

    /// Binds or unbinds the error notifier.
    func bindError(to event: consuming EventFD?) { error = event }

    /// Signals the vectors of `sends`. Whoever calls knows that they are bound.
    func signal(_ sends: [Send]) { Self.signal(sends, by: vectors) }

    /// A parameter, unlike a property of a class, is not checked for exclusive access a vector.
    private static func signal(_ sends: [Send], by vectors: borrowing UniqueArray<EventFD?>) {
        for send in sends {
            let signalled = vectors[send.vector.index]?.signal()
            precondition(signalled == true, "a message goes out only on a bound vector")
        }
    }

    /// Signals the pin. Whoever calls knows that it is bound.
    func signalPin() {
        let signalled = pin?.signal()
        precondition(signalled == true, "the line is told only while it is bound")
    }

    /// Takes back what the client has not yet seen: after a reset nothing old arrives.
    func recall() {
        for index in 0..<vectors.count {
            recalled &+= vectors[index]?.drain() ?? 0
        }
        recalled &+= pin?.drain() ?? 0
    }

    /// Unbinds everything.
    func removeAll() {
        for index in 0..<vectors.count { vectors[index] = nil }
        pin = nil
        error = nil
    }
}
