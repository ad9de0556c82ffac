import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import VFIOUserServer

/// What there is, who may expect it and who holds it: `carillon status --json`, schema 1.
struct StatusDocument: Codable, Sendable {
    struct Domain: Codable, Sendable {
        let domain: String
        let capacity: Int
        let inUse: Int
    }

    struct Parent: Codable, Sendable {
        let name: String
        /// Vectors that exist.
        let capacity: Int
        /// Vectors under lease.
        let held: Int
        /// Vectors set aside for instances that do not hold them.
        let setAside: Int
        /// Vectors that anybody can still lease.
        let available: Int
        /// The sum of all guarantees.
        let guaranteed: Int
        /// The sum of all limits.
        let expected: Int
        let overcommits: Bool
        let granted: UInt64
        let refused: UInt64
        /// What each vector takes a part of, from the device to the root.
        let domains: [Domain]
        /// The domain that has the least left.
        let limiting: String
        /// Messages of the parent's function that reached nobody.
        let lostMessages: UInt64
        /// What an administrator should know before a guest hits it.
        let warnings: [String]

        init(_ pool: VectorPool) {
            let figures = pool.figures
            name = pool.name
            capacity = figures.capacity
            held = figures.held
            setAside = figures.setAside
            available = figures.available
            guaranteed = figures.guaranteed
            expected = figures.expected
            overcommits = figures.overcommits
            granted = figures.granted
            refused = figures.refused
            domains = figures.domains.map {
                Domain(domain: $0.name, capacity: $0.capacity, inUse: $0.inUse)
            }
            limiting = figures.limiting.rawValue
            lostMessages = figures.lostMessages
            warnings = Self.warnings(figures)
        }

        static func warnings(_ figures: VectorPool.Figures) -> [String] {
            var warnings: [String] = []
            if figures.expected > figures.capacity {
                warnings.append(
                    "instances may ask for \(figures.expected) vectors and there are "
                        + "\(figures.capacity)")
            }
            if figures.available == 0, figures.expected > figures.held + figures.setAside {
                warnings.append("no vector is left beyond what is held and guaranteed")
            }
            if figures.lostMessages > 0 {
                warnings.append(
                    "\(figures.lostMessages) messages of the parent's function reached nobody")
            }
            return warnings
        }
    }

    struct Instance: Codable, Sendable {
        let name: String
        let socket: String
        let parent: String
        /// The process that is connected, or nil.
        let process: Int32?
        /// Its profile, once a version is agreed upon.
        let profile: String?
        let guarantee: Int?
        let limit: Int?
        /// Vectors, MSI messages and slots that the guest is shown.
        let entitled: Int
        /// Those that hold a lease.
        let reserved: Int
        /// Those whose messages somebody receives.
        let bound: Int
        let refused: UInt64
        let lastRefusal: String?
        let booksBalance: Bool

        init(_ report: DeviceReport, _ placement: DevicePlacement, _ budget: VectorBudget?) {
            let messages = report.vectors + report.messages + report.slots
            name = report.name
            socket = placement.socketPath
            parent = placement.parent.name
            process = report.client?.process
            profile = report.client?.profile
            guarantee = budget?.guarantee
            limit = budget?.limit
            entitled = messages.count
            reserved = report.reserved
            bound = messages.count { !$0.obstacles.contains(.unbound) }
            refused = report.refusals
            lastRefusal = report.lastRefusal
            booksBalance = report.booksBalance
        }
    }

    var schema = 1
    let parents: [Parent]
    let instances: [Instance]

    /// As text, a table for parents and one for instances.
    var text: String {
        var lines: [String] = []
        for parent in parents {
            lines.append(
                "parent \(parent.name): \(parent.capacity) vectors, \(parent.held) held, "
                    + "\(parent.setAside) set aside, \(parent.available) free; "
                    + "\(parent.refused) requests refused")
            if parent.domains.count > 1 {
                let domains = parent.domains.map { "\($0.domain) \($0.inUse) of \($0.capacity)" }
                lines.append("  domains: \(domains.joined(separator: ", "))")
            }
            lines += parent.warnings.map { "  warning: \($0)" }
        }
        lines.append("")
        var table = TextTable([
            "INSTANCE", "CLIENT", "GUARANTEE", "LIMIT", "ENTITLED", "RESERVED", "BOUND", "REFUSED",
        ])
        for instance in instances {
            table.add([
                instance.name, instance.client, instance.guarantee.map { "\($0)" } ?? "-",
                instance.limit.map { "\($0)" } ?? "-", "\(instance.entitled)",
                "\(instance.reserved)", "\(instance.bound)", "\(instance.refused)",
            ])
        }
        lines.append(table.text)
        for instance in instances {
            if let refusal = instance.lastRefusal {
                lines.append("\(instance.name) was refused last: \(refusal)")
            }
            if !instance.booksBalance { lines.append("\(instance.name): books do not balance") }
        }
        return lines.joined(separator: "\n")
    }
}

extension StatusDocument.Instance {
    /// Who is connected, in words.
    fileprivate var client: String {
        process.map { "\(profile ?? "connected") (process \($0))" } ?? "none"
    }
}
