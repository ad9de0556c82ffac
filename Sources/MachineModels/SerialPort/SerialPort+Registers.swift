/// The eight registers (PC16550D §8, table II).
extension SerialPort {
    /// How many registers there are.
    public static let registerCount = 8

    /// What a guest reads from the register at `offset`; 0xff if there is none.
    public mutating func read(at offset: Int) -> UInt8 {
        defer { updateInterrupt() }
        switch offset {
        case 0: return selectsDivisor ? UInt8(registers.divisor & 0xff) : takeReceived()
        case 1: return selectsDivisor ? UInt8(registers.divisor >> 8) : registers.interruptEnable
        case 2:
            let cause = pendingCause
            if cause == .transmitterEmpty { isTransmitterDue = false }
            return (hasFIFO ? 0xc0 : 0) | (cause?.rawValue ?? 1)
        case 3: return registers.lineControl
        case 4: return registers.modemControl
        case 5: return takeLineStatus()
        case 6:
            defer { registers.modemChanges = 0 }
            return modemStatus | registers.modemChanges
        case 7: return registers.scratch
        default: return 0xff
        }
    }

    /// A guest's write to the register at `offset`.
    ///
    /// - Parameter output: takes what goes out, in order.
    public mutating func write(_ value: UInt8, at offset: Int, into output: inout [UInt8]) {
        switch offset {
        case 0 where selectsDivisor:
            registers.divisor = registers.divisor & 0xff00 | UInt16(value)
        case 0: transmit(value, into: &output)
        case 1 where selectsDivisor:
            registers.divisor = registers.divisor & 0xff | UInt16(value) << 8
        case 1:
            // The transmitter is always empty, so that enabling its interrupt makes it due.
            if value & ~registers.interruptEnable & 0x02 != 0 { isTransmitterDue = true }
            registers.interruptEnable = value & 0x0f
        case 2: setFIFOControl(value)
        case 3: registers.lineControl = value
        case 4:
            let before = modemStatus
            registers.modemControl = value & 0x1f
            noteModemChanges(since: before)
        case 7: registers.scratch = value
        default: break
        }
        updateInterrupt()
    }

    private var selectsDivisor: Bool { registers.lineControl & 0x80 != 0 }

    private var hasFIFO: Bool { registers.fifoControl & 1 != 0 }

    // MARK: Interrupts

    /// What IIR can name, by its value (PC16550D §8.5, table IV).
    enum Cause: UInt8, Sendable {
        case lineStatus = 0x06
        case receivedData = 0x04
        case characterTimeout = 0x0c
        case transmitterEmpty = 0x02
        case modemStatus = 0x00
    }

    /// The cause of the highest priority among those that are enabled and hold.
    var pendingCause: Cause? {
        let enabled = registers.interruptEnable
        if enabled & 0x04 != 0, registers.lineErrors != 0 { return .lineStatus }
        if enabled & 0x01 != 0, !received.isEmpty {
            return received.count >= triggerLevel ? .receivedData : .characterTimeout
        }
        if enabled & 0x02 != 0, isTransmitterDue { return .transmitterEmpty }
        if enabled & 0x08 != 0, registers.modemChanges != 0 { return .modemStatus }
        return nil
    }

    mutating func updateInterrupt() {
        let asserted = pendingCause != nil
        if asserted, !interruptAsserted { interruptRises &+= 1 }
        interruptAsserted = asserted
    }

    // MARK: Transmitter

    private mutating func transmit(_ byte: UInt8, into output: inout [UInt8]) {
        isTransmitterDue = false
        updateInterrupt()
        if isLoopback {
            append(Character(byte: byte, isBreak: false))
        } else {
            output.append(byte)
            counts.transmitted &+= 1
        }
        isTransmitterDue = true
    }

    // MARK: Receiver

    /// How many characters the receiver holds.
    var capacity: Int { hasFIFO ? 16 : 1 }

    /// From how many characters on the interrupt is that of received data.
    private var triggerLevel: Int {
        guard hasFIFO else { return 1 }
        return switch registers.fifoControl >> 6 {
        case 0: 1
        case 1: 4
        case 2: 8
        default: 14
        }
    }

    /// A character arrives, and finds room or not (PC16550D §8.3, bit 1).
    mutating func append(_ character: Character) {
        counts.received &+= 1
        if received.count >= capacity {
            counts.overrun &+= 1
            registers.lineErrors |= 0x02
            // The FIFO keeps what it has; without it, the newer character takes the older's place.
            if hasFIFO { return }
            received.removeAll(keepingCapacity: true)
        }
        received.append(character)
        if received.count == 1 { revealBreak() }
    }

    /// Break Interrupt is set when the break is the next character to be read.
    private mutating func revealBreak() {
        if received.first?.isBreak == true { registers.lineErrors |= 0x10 }
    }

    private mutating func takeReceived() -> UInt8 {
        guard !received.isEmpty else { return 0 }
        counts.read &+= 1
        let byte = received.removeFirst().byte
        revealBreak()
        return byte
    }

    mutating func clearReceiver() {
        counts.cleared &+= UInt64(received.count)
        received.removeAll(keepingCapacity: true)
    }

    /// PC16550D §8.4: the other bits are programmed only where bit 0 is written as 1, and both
    /// FIFOs are cleared when it changes.
    private mutating func setFIFOControl(_ value: UInt8) {
        let changes = (value ^ registers.fifoControl) & 1 != 0
        registers.fifoControl = value & 1 == 0 ? 0 : value & 0xc9
        if changes || value & 0x03 == 0x03 { clearReceiver() }
        if changes { isTransmitterDue = true }
    }

    // MARK: Line and modem

    private mutating func takeLineStatus() -> UInt8 {
        let isBroken = registers.lineErrors & 0x10 != 0 || received.contains { $0.isBreak }
        let hasBreak = hasFIFO && isBroken
        let status =
            0x60 | registers.lineErrors | (received.isEmpty ? 0 : 0x01) | (hasBreak ? 0x80 : 0)
        registers.lineErrors = 0
        if let first = received.first, first.isBreak {
            received[0] = Character(byte: first.byte, isBreak: false)
        }
        return status
    }

    /// Bits 7:4 of MSR: the other side's lines, or in loopback our own (PC16550D §8.7).
    var modemStatus: UInt8 {
        guard isLoopback else { return modemInputs.rawValue }
        let control = registers.modemControl
        // RTS is seen as CTS, DTR as DSR, OUT1 as RI and OUT2 as DCD.
        return (control & 0x02) << 3 | (control & 0x01) << 5 | (control & 0x0c) << 4
    }

    /// Bits 3:0 of MSR: that a line changed, for RI that it fell (PC16550D §8.8).
    mutating func noteModemChanges(since before: UInt8) {
        let changed = before ^ modemStatus
        registers.modemChanges |= (changed & 0xb0 | changed & before & 0x40) >> 4
    }
}
