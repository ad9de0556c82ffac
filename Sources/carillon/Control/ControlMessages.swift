/// What a verb asks a running server, as one line of JSON.
struct ControlRequest: Codable, Sendable {
    enum Verb: String, Codable, Sendable {
        case status, irqs, budget, trace, move, slices, accelerator
    }

    let verb: Verb
    /// The device that it is about, where it is about one.
    var device: String?
    var guarantee: Int?
    var limit: Int?
    /// The interrupt that is moved, as `irqs` shows it.
    var interrupt: String?
    /// The processors that it is moved to, as in "0,2-5".
    var processors: String?
    /// What is asked about slices.
    var slices: SliceRequest?
    /// What is asked about accelerators.
    var accelerator: AcceleratorRequest?
    /// The number of the first event of a trace that is asked for.
    var first: UInt64?
}

/// What the server answers, as one line of JSON: a failure, or the document that was asked for.
struct ControlReply: Codable, Sendable {
    struct Failure: Codable, Sendable {
        let code: String
        let message: String
    }

    var failure: Failure?
    var status: StatusDocument?
    var irqs: InterruptsDocument?
    var trace: TraceDocument?
    var moved: MoveDocument?
    var slices: SlicesDocument?
    var accelerator: AcceleratorDocument?
    var machine: MachineDocument?
    var routed: RoutedDocument?

    static func failed(_ code: String, _ message: String) -> Self {
        ControlReply(failure: Failure(code: code, message: message))
    }
}

/// A piece of a device's trace, in its text form.
struct TraceDocument: Codable, Sendable {
    let device: String
    /// One event a line, oldest first.
    let lines: [String]
    /// The number of the event that comes next.
    let next: UInt64
}
