/// One vector of one processor.
public struct VectorTarget: Hashable, Sendable, CustomStringConvertible {
    /// The processor's number.
    public let processor: Int
    /// The vector, 16...255.
    public let vector: UInt8

    /// The vector of that processor.
    public init(processor: Int, vector: UInt8) {
        self.processor = processor
        self.vector = vector
    }

    /// In words, for logs and reports.
    public var description: String {
        "cpu \(processor) vector 0x" + String(vector, radix: 16)
    }
}
