/// The words for reasons that are neither an obstacle nor a discard. A word does not change between
/// releases; `docs/specifications/trace.md` lists them.
public enum TraceWord: String, Sendable, CaseIterable {
    // An event that waited left.
    case settled
    // A reset: of the function, or by a change of its power state.
    case function, power
    // Accesses that nothing answers, or not as they were meant.
    case undecoded
    case readOnlyRegister = "read-only"
    case notify
    // Guest memory that was not reached.
    case unmapped, inaccessible, readOnly, misaligned, truncated, busMasterOff, refused, noAnswer
    // Why a parent said no.
    case vectorExhausted = "VECTOR-EXHAUSTED"
    case vectorSetAside = "VECTOR-SET-ASIDE"
    case vectorLimit = "VECTOR-LIMIT"
    case vectorDrill = "VECTOR-DRILL"
    case domainDevice = "DOMAIN-DEVICE"
    case domainParavirtual = "DOMAIN-PARAVIRTUAL"
    case domainRemapping = "DOMAIN-REMAPPING"
    case domainVector = "DOMAIN-VECTOR"
    case domainRoute = "DOMAIN-ROUTE"
    case domainEvent = "DOMAIN-EVENT"
    // A device that cannot go on; its own words are in its report.
    case deviceFault = "device-fault"
}
