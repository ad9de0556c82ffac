import BasicContainers
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes

/// The eventfds that a client bound to the interrupts of one device.
///
/// Call only on the loop that the device runs on.
final class IRQWiring {
    private var vectors: UniqueArray<EventFD?>
    private var messages: UniqueArray<EventFD?>
    private var pin: EventFD?
    /// Where the client waits for an error of the host's device; there is none, so it never fires.
    private var error: EventFD?
    /// Where the client waits to be asked for the device.
    private var request: EventFD?
    /// Signals that a reset took back before the client had seen them.
    private(set) var recalled: UInt64 = 0

    init(vectors: Int, messages: Int) {
        self.vectors = Self.unbound(vectors)
        self.messages = Self.unbound(messages)
    }

    private static func unbound(_ count: Int) -> UniqueArray<EventFD?> {
        var events = UniqueArray<EventFD?>(minimumCapacity: count)
        for _ in 0..<count { events.append(nil) }
        return events
    }

    /// Binds or unbinds `vector` of the table, or the message of that number.
    func bind(_ mechanism: InterruptMechanism, _ vector: VectorIndex, to event: consuming EventFD?)
    {
        switch mechanism {
        case .msix: vectors[vector.index] = event
        case .msi: messages[vector.index] = event
        }
    }

    /// Binds or unbinds the pin.
    func bindPin(to event: consuming EventFD?) { pin = event }

    /// Binds or unbinds the error notifier.
    func bindError(to event: consuming EventFD?) { error = event }

    /// Binds or unbinds the device request notifier.
    func bindRequest(to event: consuming EventFD?) { request = event }

    /// Asks the client for the device, if it waits for that.
    func signalRequest() {
        let signalled = request?.signal()
        precondition(signalled != false, "an open eventfd takes a signal")
    }

    /// Signals the vectors of `sends`. Whoever calls knows that they are bound.
    func signal(_ sends: [Send]) { Self.signal(sends, by: vectors, and: messages) }

    /// A parameter, unlike a property of a class, is not checked for exclusive access a vector.
    private static func signal(
        _ sends: [Send], by vectors: borrowing UniqueArray<EventFD?>,
        and messages: borrowing UniqueArray<EventFD?>
    ) {
        for send in sends {
            let signalled =
                switch send.mechanism {
                case .msix: vectors[send.vector.index]?.signal()
                case .msi: messages[send.vector.index]?.signal()
                }
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
        for index in 0..<vectors.count { recalled &+= vectors[index]?.drain() ?? 0 }
        for index in 0..<messages.count { recalled &+= messages[index]?.drain() ?? 0 }
        recalled &+= pin?.drain() ?? 0
    }

    /// Unbinds everything.
    func removeAll() {
        for index in 0..<vectors.count { vectors[index] = nil }
        for index in 0..<messages.count { messages[index] = nil }
        pin = nil
        error = nil
        request = nil
    }
}
