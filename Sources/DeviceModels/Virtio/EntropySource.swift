/// Where random bytes come from.
public protocol EntropySource {
    /// Fills `bytes`, or returns false if no entropy is to be had now.
    mutating func fill(_ bytes: inout MutableRawSpan) -> Bool
}
