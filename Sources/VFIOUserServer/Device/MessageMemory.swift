package import PlatformTypes

/// Guest memory that is reached by messages to the client, because the client gave no descriptor.
package protocol MessageMemory: AnyObject {
    /// The most bytes of one message; at least 8.
    var mostBytes: Int { get }

    /// Asks the client for `count` bytes at `address`.
    func read(at address: UInt64, _ count: Int) throws(DMAFault) -> [UInt8]

    /// Has the client store `bytes` at `address`.
    func write(_ bytes: [UInt8], at address: UInt64) throws(DMAFault)
}
