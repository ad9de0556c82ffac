import Registers

/// The registers in BAR 0, as data.
enum ChimeRegister: Int, CaseIterable, Sendable {
    case ring, rung, alarm, status

    /// Fields, access kinds and reset values.
    var layout: RegisterLayout {
        switch self {
        case .ring: Self.ringLayout
        case .rung: Self.rungLayout
        case .alarm: Self.alarmLayout
        case .status: Self.statusLayout
        }
    }

    private static let ringLayout = RegisterLayout(
        "Ring", .dword, [RegisterField("Count", 0...7, .readWrite, "chime §1")])
    private static let rungLayout = RegisterLayout(
        "Rung", .dword, [RegisterField("Count", 0...31, .readOnly, "chime §2")])
    private static let alarmLayout = RegisterLayout(
        "Alarm", .dword, [RegisterField("Threshold", 0...31, .readWrite, "chime §3")])
    private static let statusLayout = RegisterLayout(
        "Status", .dword, [RegisterField("Alarm Reached", 0...0, .writeOneToClear, "chime §4")])

    /// Where they lie: one after the other from the BAR's start.
    static let window = RegisterWindow(
        allCases.map { RegisterWindow.Entry($0, at: 4 * $0.rawValue, .dword) })

    static let resetValues = allCases.map(\.layout.resetValue)
}
