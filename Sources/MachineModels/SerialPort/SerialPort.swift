/// A serial port as a PC has it: a 16550A with FIFOs of 16 bytes, as a value (National
/// Semiconductor PC16550D).
///
/// There is no line and no time: a byte that the guest sends is out at once, and characters are
/// neither split into bits nor clocked. Input that finds no room waits with its sender.
public struct SerialPort: Hashable, Sendable {
    /// What happened to bytes since the port was created.
    public struct Counts: Hashable, Sendable {
        /// Bytes that arrived, from outside or looped back.
        public internal(set) var received: UInt64 = 0
        /// Received bytes that the guest read.
        public internal(set) var read: UInt64 = 0
        /// Received bytes that were lost because they, or others after them, found no room.
        public internal(set) var overrun: UInt64 = 0
        /// Received bytes that were thrown away when the guest cleared the FIFO, or by a reset.
        public internal(set) var cleared: UInt64 = 0
        /// Bytes that went out.
        public internal(set) var transmitted: UInt64 = 0
    }

    /// What the other side states on the modem's lines, at the places of MSR (PC16550D §8.8).
    public struct ModemInputs: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: UInt8
        /// The set of the members whose bits are set; bits 3:0 are ignored.
        public init(rawValue: UInt8) { self.rawValue = rawValue & 0xf0 }

        /// Clear to Send.
        public static let clearToSend = ModemInputs(rawValue: 1 << 4)
        /// Data Set Ready.
        public static let dataSetReady = ModemInputs(rawValue: 1 << 5)
        /// Ring Indicator.
        public static let ringIndicator = ModemInputs(rawValue: 1 << 6)
        /// Data Carrier Detect.
        public static let carrierDetect = ModemInputs(rawValue: 1 << 7)
        /// Somebody is there and takes what is sent.
        public static let connected: ModemInputs = [.clearToSend, .dataSetReady, .carrierDetect]
    }

    /// One received character.
    struct Character: Hashable, Sendable {
        let byte: UInt8
        let isBreak: Bool
    }

    /// What happened to bytes so far.
    public internal(set) var counts = Counts()
    /// Whether INTR is asserted, and has been since the last access or event.
    public internal(set) var interruptAsserted = false
    /// How often INTR rose. It can fall and rise within one access; a caller whose interrupt
    /// controller takes edges makes one whenever this number has changed.
    public internal(set) var interruptRises: UInt64 = 0
    /// What the other side states on the modem's lines.
    public internal(set) var modemInputs: ModemInputs

    var registers = Registers()
    var received: [Character] = []
    /// The transmitter's interrupt: THR became empty, or was when the interrupt was enabled, and
    /// the guest has not been told.
    var isTransmitterDue = false

    /// What the registers hold.
    struct Registers: Hashable, Sendable {
        var interruptEnable: UInt8 = 0
        var fifoControl: UInt8 = 0
        var lineControl: UInt8 = 0
        var modemControl: UInt8 = 0
        /// Overrun Error and Break Interrupt, at their places in LSR.
        var lineErrors: UInt8 = 0
        /// Bits 3:0 of MSR.
        var modemChanges: UInt8 = 0
        var scratch: UInt8 = 0
        var divisor: UInt16 = 0
    }

    /// A port after power-on.
    public init(modemInputs: ModemInputs = .connected) { self.modemInputs = modemInputs }

    /// Master reset (PC16550D §8.0, table I); what was received and not read is cleared. The other
    /// side's lines stay as they are stated.
    public mutating func reset() {
        clearReceiver()
        registers = Registers()
        isTransmitterDue = false
        updateInterrupt()
    }

    // MARK: The other side

    /// How many bytes `receive` takes now. In loopback it takes none: input waits with its sender.
    public var roomForInput: Int {
        isLoopback ? 0 : max(0, capacity - received.count)
    }

    /// A byte arrives from outside. Returns whether it was taken; if there was no room for it,
    /// nothing has changed and the caller offers it again after the guest has read.
    public mutating func receive(_ byte: UInt8) -> Bool {
        receive(Character(byte: byte, isBreak: false))
    }

    /// A break arrives from outside: it is received as one zero byte. Returns whether it was taken.
    public mutating func receiveBreak() -> Bool {
        receive(Character(byte: 0, isBreak: true))
    }

    private mutating func receive(_ character: Character) -> Bool {
        guard roomForInput > 0 else { return false }
        append(character)
        updateInterrupt()
        return true
    }

    /// The other side states the modem's lines.
    public mutating func setModemInputs(_ inputs: ModemInputs) {
        let before = modemStatus
        modemInputs = inputs
        noteModemChanges(since: before)
        updateInterrupt()
    }

    // MARK: Questions

    /// Whether the guest loops what it sends back to itself (PC16550D §8.7).
    public var isLoopback: Bool { registers.modemControl & 0x10 != 0 }

    /// Whether the guest holds the line in a break (PC16550D §8.1).
    public var isBreaking: Bool { registers.lineControl & 0x40 != 0 }

    /// What the guest divides the clock by; nothing here depends on it (PC16550D §8.2).
    public var divisor: UInt16 { registers.divisor }

    /// How many received bytes wait for the guest.
    public var waiting: Int { received.count }

    /// The law of conservation: received = read + overrun + cleared + waiting.
    public var booksBalance: Bool {
        counts.received
            == counts.read &+ counts.overrun &+ counts.cleared &+ UInt64(received.count)
    }
}
