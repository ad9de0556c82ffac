public import Registers

/// The registers of `InterruptTester` behind BAR 0, by their offset.
public enum TesterRegister: Int, Sendable, CaseIterable {
    case identification = 0x000
    case version = 0x004
    case vectors = 0x008
    case messages = 0x00c
    case sources = 0x010
    case mechanism = 0x014
    case slots = 0x018
    case store = 0x01c
    case fire = 0x020
    case acknowledge = 0x024
    case pulse = 0x028
    case rangeFirst = 0x030
    case rangeCount = 0x034
    case command = 0x038
    case timerPeriod = 0x040
    case timerCount = 0x044
    case timerControl = 0x048
    case timerTicks = 0x04c
    case select = 0x060
    case sourceState = 0x064
    case raised = 0x068
    case sent = 0x070
    case coalesced = 0x078
    case discarded = 0x080
    case handedOver = 0x088
    case refused = 0x090
    case records = 0x0a0
    case recordsUpper = 0x0a4
    case doorbell = 0x0a8

    /// Set in the number of a slot, where a source or a slot is named.
    public static let slotBit: UInt32 = 1 << 31

    /// Where the bitmap of causes lies: one bit a source, 2048 of them, by DWORD or QWORD.
    public static let causes = 0x100..<0x200

    /// The register as data.
    public var layout: RegisterLayout {
        switch self {
        case .mechanism, .store, .timerControl, .sourceState, .records: fieldLayout
        case .identification: Self.readOnly("Identification", reset: 0x5453_4554)
        case .version: Self.readOnly("Version", reset: 2)
        case .vectors: Self.readOnly("Vectors")
        case .messages: Self.readOnly("Messages")
        case .sources: Self.readOnly("Sources")
        case .slots: Self.readOnly("Slots")
        case .fire: Self.writable("Fire")
        case .acknowledge: Self.writable("Acknowledge")
        case .pulse: Self.writable("Pulse")
        case .rangeFirst: Self.writable("Range First")
        case .rangeCount: Self.writable("Range Count", reset: 1)
        case .command: Self.writable("Command")
        case .timerPeriod: Self.writable("Timer Period", reset: 1000)
        case .timerCount: Self.writable("Timer Count")
        case .timerTicks: Self.readOnly("Timer Ticks")
        case .select: Self.writable("Select")
        case .raised: Self.counter("Raised")
        case .sent: Self.counter("Sent")
        case .coalesced: Self.counter("Coalesced")
        case .discarded: Self.counter("Discarded")
        case .handedOver: Self.counter("Handed Over")
        case .refused: Self.readOnly("Refused Commands")
        case .recordsUpper: Self.writable("Records Upper Address")
        case .doorbell: Self.writable("Doorbell")
        }
    }

    /// Of the registers that are more than one number.
    private var fieldLayout: RegisterLayout {
        switch self {
        case .mechanism:
            RegisterLayout(
                "Mechanism in Force", .dword,
                [
                    RegisterField("Mechanism", 0...1, .readOnly, Self.page),
                    RegisterField("Reserved", 2...31, .reservedZero, Self.page),
                ])
        case .store:
            RegisterLayout(
                "Message Store", .dword,
                [
                    RegisterField("Kind", 0...1, .readOnly, Self.page),
                    RegisterField("Takes Messages", 2...2, .readOnly, Self.page),
                    RegisterField("Reserved", 3...31, .reservedZero, Self.page),
                ])
        case .timerControl:
            RegisterLayout(
                "Timer Control", .dword,
                [
                    RegisterField("Run", 0...0, .readWrite, Self.page),
                    RegisterField("Go Round", 1...1, .readWrite, Self.page),
                    RegisterField("Reserved", 2...31, .reservedZero, Self.page),
                ])
        case .sourceState:
            RegisterLayout(
                "Source State", .dword,
                [
                    RegisterField("Cause Holds", 0...0, .readOnly, Self.page),
                    RegisterField("Pending", 1...1, .readOnly, Self.page),
                    RegisterField("PASID Error", 2...2, .readOnly, Self.page),
                    RegisterField("Message Error", 3...3, .readOnly, Self.page),
                    RegisterField("Reserved", 4...31, .reservedZero, Self.page),
                ])
        default:
            RegisterLayout(
                "Records Address", .dword,
                [
                    RegisterField("Alignment", 0...1, .reservedZero, Self.page),
                    RegisterField("Records Address", 2...31, .readWrite, Self.page),
                ])
        }
    }

    private static let page: StaticString = "interrupt-tester"

    private static func readOnly(_ name: StaticString, reset: UInt64 = 0) -> RegisterLayout {
        RegisterLayout(name, .dword, [RegisterField(name, 0...31, .readOnly, reset: reset, page)])
    }

    private static func writable(_ name: StaticString, reset: UInt64 = 0) -> RegisterLayout {
        RegisterLayout(name, .dword, [RegisterField(name, 0...31, .readWrite, reset: reset, page)])
    }

    private static func counter(_ name: StaticString) -> RegisterLayout {
        RegisterLayout(name, .qword, [RegisterField(name, 0...63, .readOnly, page)])
    }
}
