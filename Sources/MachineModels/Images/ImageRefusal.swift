/// Why an image cannot be started: its file is not what it should be, or the machine is too small.
public struct ImageRefusal: Error, Hashable, Sendable {
    /// What kind of thing is wrong. The names do not change between releases.
    public enum Reason: String, Sendable, CaseIterable {
        /// The file does not begin like an image of this kind.
        case wrongFormat = "image-wrong-format"
        /// The file ends before something that it says it has.
        case truncated = "image-truncated"
        /// It is such an image, but of a kind that is not started: another processor, protocol or
        /// way of linking.
        case unsupported = "image-unsupported"
        /// Numbers in the file contradict each other or are out of range.
        case inconsistent = "image-inconsistent"
        /// The machine has too little memory, or has none where the image must be.
        case doesNotFit = "image-does-not-fit"
        /// The command line, or the argument string, cannot be passed on.
        case commandLine = "image-command-line"
    }

    /// What kind of thing is wrong.
    public let reason: Reason
    /// What exactly, in words and numbers, for people.
    public let detail: String

    /// A refusal for `reason`.
    package init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

extension ImageRefusal: CustomStringConvertible {
    /// What is wrong, in words.
    public var description: String { detail }
}

/// `value` as people write addresses.
func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
