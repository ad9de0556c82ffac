import MachineModels
import Synchronization

/// The serial port, and who is at its other end. Any thread may call it.
final class SerialConsole: Sendable {
    private struct State {
        var port = SerialPort()
        var output: [UInt8] = []
        /// What has come in and has no room at the port yet.
        var input: [UInt8] = []
        var rises: UInt64 = 0
    }

    private let state = Mutex(State())
    private let lines: InterruptLines
    private let show: @Sendable ([UInt8]) -> Void

    /// - Parameter show: takes what the guest writes; called on the processor's thread, in order.
    init(lines: InterruptLines, show: @escaping @Sendable ([UInt8]) -> Void) {
        self.lines = lines
        self.show = show
    }

    func read(at offset: Int) -> UInt8 {
        let (value, rose) = state.withLock { state in
            let value = state.port.read(at: offset)
            Self.feed(&state)
            return (value, Self.hasRisen(&state))
        }
        if rose { pulse() }
        return value
    }

    func write(_ value: UInt8, at offset: Int) {
        let (output, rose) = state.withLock { state in
            state.port.write(value, at: offset, into: &state.output)
            Self.feed(&state)
            // What is shown is shown within the lock's order, a byte at a time.
            defer { state.output.removeAll(keepingCapacity: true) }
            return (state.output, Self.hasRisen(&state))
        }
        if !output.isEmpty { show(output) }
        if rose { pulse() }
    }

    /// What waits for room at the port at most; more is not typed.
    private static let inputLimit = 64 << 10

    /// Types `bytes` at the other end. They wait for room at the port.
    func type(_ bytes: [UInt8]) {
        let rose = state.withLock { state in
            guard state.input.count + bytes.count <= Self.inputLimit else { return false }
            state.input += bytes
            Self.feed(&state)
            return Self.hasRisen(&state)
        }
        if rose { pulse() }
    }

    private static func feed(_ state: inout State) {
        let count = min(state.input.count, state.port.roomForInput)
        for byte in state.input.prefix(count) { _ = state.port.receive(byte) }
        state.input.removeFirst(count)
    }

    private static func hasRisen(_ state: inout State) -> Bool {
        defer { state.rises = state.port.interruptRises }
        return state.rises != state.port.interruptRises
    }

    private func pulse() {
        lines.set(MachineLayout.serialPin, .serialPort, false)
        lines.set(MachineLayout.serialPin, .serialPort, true)
    }
}
