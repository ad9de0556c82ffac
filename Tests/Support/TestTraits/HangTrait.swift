public import Testing

extension Trait where Self == TimeLimitTrait {
    /// Ends a test that hangs, and no other.
    ///
    /// A test's clock runs from its start, also while tests that wait for guests and processes hold
    /// every thread of the pool: half a minute of work can take many. What a test must do in a
    /// given time it has to say itself.
    public static var endsWhenHung: Self { .timeLimit(.minutes(30)) }
}
