/// How often each module says `unsafe`, as text.
public enum UnsafeListing {
    /// One line for each module that does, and the total.
    public static func text(of repository: Repository) -> String {
        let counts = UnsafeCheck.counts(in: repository)
        let total = counts.reduce(0) { $0 + $1.count }
        return (counts.map { "\($0.count)\t\($0.module)" } + ["\(total)\ttotal"])
            .joined(separator: "\n")
    }
}
