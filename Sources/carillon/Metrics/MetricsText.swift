/// Figures in the text form that Prometheus scrapes, version 0.0.4.
///
/// Names and units are listed in `docs/specifications/metrics.md`.
struct MetricsText {
    /// What a family counts.
    enum Kind: String {
        case gauge, counter
    }

    private(set) var text = ""

    /// Appends a family with a sample for each set of labels.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [([(String, String)], UInt64)]
    ) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for (labels, value) in samples {
            let pairs = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
            text += "\(name){\(pairs)} \(value)\n"
        }
    }

    /// A label's value: backslash, quotation mark and line feed are escaped.
    static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}

extension MetricsText {
    /// Everything that a server tells of itself at one moment.
    init(_ status: StatusDocument, _ devices: [InterruptsDocument]) {
        addParents(status.parents)
        addDevices(status.instances, devices)
        addInterrupts(devices)
    }

    private mutating func addParents(_ parents: [StatusDocument.Parent]) {
        func each(_ value: (StatusDocument.Parent) -> UInt64) -> [([(String, String)], UInt64)] {
            parents.map { ([("parent", $0.name)], value($0)) }
        }
        add(
            "carillon_parent_vectors", .gauge, "Vectors that a parent has.",
            each { UInt64($0.capacity) })
        add(
            "carillon_parent_vectors_held", .gauge, "Vectors under lease.",
            each { UInt64($0.held) })
        add(
            "carillon_parent_vectors_set_aside", .gauge,
            "Vectors guaranteed to devices that do not hold them.", each { UInt64($0.setAside) })
        add(
            "carillon_parent_vectors_available", .gauge, "Vectors that anybody can still lease.",
            each { UInt64($0.available) })
        add(
            "carillon_parent_vectors_expected", .gauge, "Vectors that devices may ask for at once.",
            each { UInt64($0.expected) })
        add(
            "carillon_parent_leases_total", .counter, "Leases granted.", each { $0.granted })
        add(
            "carillon_parent_refusals_total", .counter, "Requests for a vector refused.",
            each { $0.refused })
        add(
            "carillon_parent_lost_messages_total", .counter,
            "Messages of a parent's function that reached nobody.", each { $0.lostMessages })
        let domains = parents.flatMap { parent in parent.domains.map { (parent.name, $0) } }
        add(
            "carillon_domain_entries", .gauge, "What a domain of a parent has.",
            domains.map { ([("parent", $0), ("domain", $1.domain)], UInt64($1.capacity)) })
        add(
            "carillon_domain_entries_used", .gauge, "What is in use of it.",
            domains.map { ([("parent", $0), ("domain", $1.domain)], UInt64($1.inUse)) })
    }

    private mutating func addDevices(
        _ instances: [StatusDocument.Instance], _ devices: [InterruptsDocument]
    ) {
        add(
            "carillon_device_connected", .gauge, "Whether a client is connected.",
            instances.map { ([("device", $0.name)], $0.process == nil ? 0 : 1) })
        add(
            "carillon_device_refusals_total", .counter, "Requests for a vector refused.",
            instances.map { ([("device", $0.name)], $0.refused) })
        add(
            "carillon_device_books_balanced", .gauge,
            "Whether raised is sent, coalesced, pending and discarded.",
            instances.map { ([("device", $0.name)], $0.booksBalance ? 1 : 0) })
        add(
            "carillon_device_memory_faults_total", .counter,
            "Accesses to guest memory that did not happen.",
            devices.map { ([("device", $0.device)], $0.memoryFaults) })
        add(
            "carillon_device_odd_accesses_total", .counter,
            "Accesses that a specification leaves undefined.",
            devices.map { ([("device", $0.device)], $0.oddAccesses) })
        add(
            "carillon_device_stray_events_total", .counter,
            "Events for interrupts that do not exist.",
            devices.map { ([("device", $0.device)], $0.strayEvents) })
    }

    private mutating func addInterrupts(_ devices: [InterruptsDocument]) {
        typealias Interrupt = InterruptsDocument.Interrupt
        let active = devices.flatMap { device in
            device.interrupts.filter { $0.raised > 0 }.map { (device.device, $0) }
        }
        func each(_ value: (Interrupt) -> UInt64) -> [([(String, String)], UInt64)] {
            active.map { ([("device", $0), ("interrupt", $1.guest)], value($1)) }
        }
        add(
            "carillon_interrupt_raised_total", .counter, "Events that a device stated.",
            each { $0.raised })
        add(
            "carillon_interrupt_sent_total", .counter, "Messages that left.", each { $0.sent })
        add(
            "carillon_interrupt_coalesced_total", .counter, "Events that joined one that waited.",
            each { $0.coalesced })
        add(
            "carillon_interrupt_deferred_total", .counter,
            "Events that had to wait for the rate limit.", each { $0.deferred })
        add(
            "carillon_interrupt_pending", .gauge, "Whether an event waits.",
            each { $0.pending ? 1 : 0 })
        let reasons: [(String, (Interrupt) -> UInt64)] = [
            ("withdrawn", { $0.withdrawn }), ("reset", { $0.reset }),
            ("released", { $0.released }), ("handed-over", { $0.handedOver }),
            ("unreachable", { $0.unreachable }),
        ]
        add(
            "carillon_interrupt_discarded_total", .counter,
            "Events that ended without a message, by reason.",
            active.flatMap { device, interrupt in
                reasons.map { reason, value in
                    (
                        [
                            ("device", device), ("interrupt", interrupt.guest),
                            ("reason", reason),
                        ], value(interrupt)
                    )
                }
            })
    }
}
