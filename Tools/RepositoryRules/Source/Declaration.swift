/// A declaration with a body or with parameters, as a scan of braces finds it.
package struct Declaration: Sendable {
    package enum Kind: Sendable {
        /// `func`, `init`, `deinit`, `subscript`.
        case function
        /// A `var` with a body.
        case property
        /// `struct`, `class`, `enum`, `actor`, `protocol`, `extension`.
        case type
    }

    package let kind: Kind
    package let name: String
    /// The line of the keyword, counted from 1.
    package let line: Int
    /// The line of the closing brace; the keyword's own line when there is no body.
    package var lastLine: Int
    /// The number of parameters; 0 for properties and types.
    package var parameterCount = 0

    package var lineCount: Int { lastLine - line + 1 }
}
