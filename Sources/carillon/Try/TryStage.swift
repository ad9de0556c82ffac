import VFIOUserClient

/// One act of the rehearsal: what the parent has left, and what the guest must come to.
struct TryStage {
    let title: String
    /// Vectors that a neighbour on the same parent holds.
    let heldByNeighbour: Int
    /// Reservations refused although vectors are free again a moment later.
    let refusals: Int
    /// The policy that the guest's driver must end with.
    let expected: VirtioGuestDriver.Policy

    /// The vectors are taken away one by one.
    static let all = [
        TryStage(
            title: "every vector is free", heldByNeighbour: 0, refusals: 0, expected: .each),
        TryStage(
            title: "one request meets a full parent", heldByNeighbour: 0, refusals: 1,
            expected: .shared),
        TryStage(
            title: "a neighbour holds one vector", heldByNeighbour: 1, refusals: 0, expected: .one),
        TryStage(
            title: "a neighbour holds both", heldByNeighbour: 2, refusals: 0, expected: .pin),
    ]
}

/// What one stage came to.
struct TryOutcome: Codable {
    struct Counts: Codable {
        var raised: UInt64 = 0
        var sent: UInt64 = 0
        var coalesced: UInt64 = 0
        var pending: UInt64 = 0
        var discarded: UInt64 = 0

        var balances: Bool { raised == sent + coalesced + pending + discarded }
    }

    let stage: String
    let vectorsLeft: Int
    let policy: String
    let expectedPolicy: String
    let refusalsHeard: Int
    let refusalsCounted: UInt64
    let lastRefusal: String?
    let requests: Int
    let bytes: Int
    let interruptsReceived: UInt64
    let counts: Counts
    let pended: Int
    let pendingSeenInArray: Bool
    let trace: [String]

    /// What does not add up, in words; empty if everything does.
    var complaints: [String] {
        var complaints: [String] = []
        if policy != expectedPolicy {
            complaints.append("the guest came to \(policy) instead of \(expectedPolicy)")
        }
        if !counts.balances {
            complaints.append("raised is not sent + coalesced + pending + discarded")
        }
        if counts.sent != interruptsReceived {
            complaints.append("\(counts.sent) sent, but \(interruptsReceived) received")
        }
        if UInt64(refusalsHeard) != refusalsCounted {
            complaints.append("\(refusalsCounted) refused, but the guest heard \(refusalsHeard)")
        }
        if !pendingSeenInArray { complaints.append("a masked interrupt was not seen as pending") }
        return complaints
    }
}
