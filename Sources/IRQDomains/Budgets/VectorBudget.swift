/// What an instance may expect of its parent.
///
/// The two numbers are apart on purpose: a guarantee is kept free for the instance whatever others
/// do, a limit is what it may reach while there is room.
public struct VectorBudget: Hashable, Sendable, Codable {
    /// Vectors that are set aside for it.
    public let guarantee: Int
    /// The most that it may hold, at least the guarantee.
    public let limit: Int

    /// Returns nil unless 0 ≤ `guarantee` ≤ `limit`.
    public init?(guarantee: Int, limit: Int) {
        guard 0 <= guarantee, guarantee <= limit else { return nil }
        self.guarantee = guarantee
        self.limit = limit
    }

    /// A budget of `count` vectors, all of them guaranteed.
    ///
    /// - Precondition: `count` is not negative.
    public init(whole count: Int) {
        precondition(count >= 0, "a budget has no negative vectors")
        guarantee = count
        limit = count
    }
}
