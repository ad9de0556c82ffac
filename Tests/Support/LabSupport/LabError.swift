/// The lab could not do what was asked of it: a program did not start, did not answer in time, or
/// answered something unexpected. Not for what a device under test does wrong.
package struct LabError: Error, CustomStringConvertible {
    /// What was attempted, for example "qtest readl 0xe0000000".
    package let operation: String
    /// Why it failed, and where there is something to do about it, what.
    package let reason: String
    /// What the program had written to its error output until then.
    package let diagnostics: String

    package init(_ operation: String, reason: String, diagnostics: String = "") {
        self.operation = operation
        self.reason = reason
        self.diagnostics = diagnostics
    }

    package var description: String {
        let text = "\(operation): \(reason)"
        return diagnostics.isEmpty ? text : "\(text)\n\(diagnostics)"
    }
}
