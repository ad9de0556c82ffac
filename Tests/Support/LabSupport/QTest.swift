import Foundation
import TestTraits

/// A QEMU without a guest: the test itself plays the processor and reads and writes ports and
/// memory over QEMU's qtest protocol (QEMU's `system/qtest.c`). Half a second a scenario.
///
/// Used by one test, on one thread. Every wait is bounded by the time given at creation.
package final class QTest {
    /// A change of an interrupt controller's input, seen after `interceptInterrupts(of:)`.
    package struct LineChange: Equatable, Sendable {
        package let line: Int
        package let isRaised: Bool

        package init(line: Int, isRaised: Bool) {
            self.line = line
            self.isRaised = isRaised
        }
    }

    package let qemu: QEMUProcess
    /// Every change of an intercepted line so far, in order.
    package private(set) var lineChanges: [LineChange] = []

    private let directory: TemporaryDirectory
    private let socket: QTestSocket
    private let timeoutSeconds: Double

    /// Starts a q35 machine and waits until it answers.
    ///
    /// - Parameters:
    ///   - devices: arguments of `-device`; give each an "addr", so that the test knows its slot.
    ///   - arguments: more arguments for QEMU, for example `-trace`.
    package init(
        lab: Lab, devices: [String], arguments: [String] = [], memoryMebibytes: Int = 128,
        sharesMemory: Bool = true, timeoutSeconds: Double = Patience.seconds,
    ) throws(LabError) {
        self.timeoutSeconds = timeoutSeconds
        directory = try TemporaryDirectory()
        let path = "\(directory.path)/qtest"
        socket = try QTestSocket(listeningAt: path)
        qemu = try QEMUProcess(
            lab: lab, memoryMebibytes: memoryMebibytes, sharesMemory: sharesMemory,
            arguments: ["-accel", "qtest", "-qtest", "unix:\(path)", "-qtest-log", "none"]
                + devices.flatMap { ["-device", $0] } + arguments)
        // QEMU connects first and makes its devices then: the clock's answer comes when all is up.
        guard try socket.accept(until: Date(timeIntervalSinceNow: timeoutSeconds)) else {
            throw LabError(
                "start QEMU", reason: "it did not connect in time", diagnostics: qemu.diagnostics)
        }
        try clockStep(nanoseconds: 1)
    }

    // MARK: Ports

    package func inb(_ port: UInt16) throws(LabError) -> UInt8 {
        UInt8(truncatingIfNeeded: try number("inb \(hex(port))"))
    }

    package func inw(_ port: UInt16) throws(LabError) -> UInt16 {
        UInt16(truncatingIfNeeded: try number("inw \(hex(port))"))
    }

    package func inl(_ port: UInt16) throws(LabError) -> UInt32 {
        UInt32(truncatingIfNeeded: try number("inl \(hex(port))"))
    }

    package func outb(_ port: UInt16, _ value: UInt8) throws(LabError) {
        _ = try command("outb \(hex(port)) \(hex(value))")
    }

    package func outw(_ port: UInt16, _ value: UInt16) throws(LabError) {
        _ = try command("outw \(hex(port)) \(hex(value))")
    }

    package func outl(_ port: UInt16, _ value: UInt32) throws(LabError) {
        _ = try command("outl \(hex(port)) \(hex(value))")
    }

    // MARK: Memory

    package func readb(_ address: UInt64) throws(LabError) -> UInt8 {
        UInt8(truncatingIfNeeded: try number("readb \(hex(address))"))
    }

    package func readw(_ address: UInt64) throws(LabError) -> UInt16 {
        UInt16(truncatingIfNeeded: try number("readw \(hex(address))"))
    }

    package func readl(_ address: UInt64) throws(LabError) -> UInt32 {
        UInt32(truncatingIfNeeded: try number("readl \(hex(address))"))
    }

    package func readq(_ address: UInt64) throws(LabError) -> UInt64 {
        try number("readq \(hex(address))")
    }

    package func writeb(_ address: UInt64, _ value: UInt8) throws(LabError) {
        _ = try command("writeb \(hex(address)) \(hex(value))")
    }

    package func writew(_ address: UInt64, _ value: UInt16) throws(LabError) {
        _ = try command("writew \(hex(address)) \(hex(value))")
    }

    package func writel(_ address: UInt64, _ value: UInt32) throws(LabError) {
        _ = try command("writel \(hex(address)) \(hex(value))")
    }

    package func writeq(_ address: UInt64, _ value: UInt64) throws(LabError) {
        _ = try command("writeq \(hex(address)) \(hex(value))")
    }

    /// Reads memory byte by byte; for RAM, since registers care about the width of an access.
    package func read(_ address: UInt64, count: Int) throws(LabError) -> [UInt8] {
        guard count > 0 else { return [] }
        let digits = Array(try command("read \(hex(address)) \(hex(count))").utf8.dropFirst(2))
        return stride(from: 0, to: digits.count - 1, by: 2).map { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
        }
    }

    /// Writes RAM byte by byte.
    package func write(_ address: UInt64, _ bytes: [UInt8]) throws(LabError) {
        guard !bytes.isEmpty else { return }
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        _ = try command("write \(hex(address)) \(hex(bytes.count)) 0x\(digits)")
    }

    /// Waits until a word of RAM has a value, as for a message that a device writes there.
    ///
    /// - Returns: the word's last value; another one than wanted when the time was up.
    package func waitForWord(
        at address: UInt64, toBe value: UInt32, timeoutSeconds: Double? = nil,
    ) throws(LabError) -> UInt32 {
        var found: UInt32 = 0
        _ = try wait(timeoutSeconds: timeoutSeconds) { () throws(LabError) in
            found = try readl(address)
            return found == value
        }
        return found
    }

    /// Asks the machine again and again until a condition holds; false when the time is up first.
    /// Not a sleep: QEMU's main loop serves its devices between two requests.
    package func wait(
        timeoutSeconds: Double? = nil, until condition: () throws(LabError) -> Bool,
    ) throws(LabError) -> Bool {
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds ?? self.timeoutSeconds)
        while try !condition() {
            guard deadline.timeIntervalSinceNow > 0 else { return false }
        }
        return true
    }

    // MARK: Time and interrupt lines

    /// Lets the machine's own clock advance, which stands still otherwise.
    ///
    /// - Parameter nanoseconds: at least 1.
    /// - Returns: the clock afterwards, in nanoseconds since the machine started.
    @discardableResult
    package func clockStep(nanoseconds: Int64) throws(LabError) -> Int64 {
        let text = "clock_step \(nanoseconds)"
        let answer = try command(text)
        guard let now = Int64(answer) else { throw failure(text, "answered \(answer)") }
        return now
    }

    /// Takes an interrupt controller's inputs away from it and records them, "ioapic" for INTx.
    package func interceptInterrupts(of controller: String) throws(LabError) {
        _ = try command("irq_intercept_in \(controller)")
    }

    /// Waits until the number of recorded changes reaches a count; false when the time is up.
    package func waitForLineChanges(
        _ count: Int, timeoutSeconds: Double? = nil,
    ) throws(LabError) -> Bool {
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds ?? self.timeoutSeconds)
        while lineChanges.count < count {
            guard let line = socket.line(until: deadline) else { return false }
            guard recordLineChange(line) else { throw failure("wait", "unexpected: \(line)") }
        }
        return true
    }

    /// The level of an intercepted line: that of its last change, low before the first.
    package func isRaised(_ line: Int) -> Bool {
        lineChanges.last { $0.line == line }?.isRaised ?? false
    }

    // MARK: Protocol

    /// Sends one command of the protocol and returns what follows "OK" in its answer.
    package func command(_ text: String) throws(LabError) -> String {
        guard socket.send(text) else { throw failure(text, "QEMU is gone") }
        let deadline = deadline
        while let line = socket.line(until: deadline) {
            if recordLineChange(line) {
                continue
            }
            guard line.hasPrefix("OK") else { throw failure(text, line) }
            return line.dropFirst(3).description
        }
        throw failure(text, "no answer: QEMU is gone or hangs")
    }

    private var deadline: Date { Date(timeIntervalSinceNow: timeoutSeconds) }

    private func number(_ text: String) throws(LabError) -> UInt64 {
        let answer = try command(text)
        guard let value = UInt64(answer.dropFirst(2), radix: 16) else {
            throw failure(text, "answered \(answer)")
        }
        return value
    }

    private func recordLineChange(_ text: String) -> Bool {
        let words = text.split(separator: " ")
        guard words.count == 3, words[0] == "IRQ", let line = Int(words[2]) else { return false }
        lineChanges.append(LineChange(line: line, isRaised: words[1] == "raise"))
        return true
    }

    private func failure(_ text: String, _ reason: String) -> LabError {
        LabError("qtest \(text.prefix(80))", reason: reason, diagnostics: qemu.diagnostics)
    }

    private func hex(_ value: some BinaryInteger) -> String {
        "0x\(String(value, radix: 16))"
    }
}
