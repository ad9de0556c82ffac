public import Registers

/// A PCI function that the rules of MSI-X, MSI and the pin can be tried on: registers in, messages
/// out.
///
/// Implement it for a device of your own, on whatever transport reaches it; the runner asks for
/// nothing else. One runner at a time uses a subject, on one thread.
public protocol ConformanceSubject: AnyObject {
    /// The subject's name in reports, one word.
    var name: String { get }

    /// How many causes `fire` can state: 0 ..< sources.
    var sources: Int { get }

    /// Where messages may be aimed: 4 KiB that the subject watches, at a multiple of 4096 below
    /// 4 GiB.
    var messageArea: UInt64 { get }

    /// Reads configuration space; the access lies in one DWORD.
    func readConfig(at offset: Int, _ width: AccessWidth) throws -> UInt64

    /// Writes configuration space; the access lies in one DWORD.
    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) throws

    /// Reads a register behind a BAR.
    func readBAR(_ bar: Int, at offset: Int, _ width: AccessWidth) throws -> UInt64

    /// Writes a register behind a BAR.
    func writeBAR(_ value: UInt64, _ bar: Int, at offset: Int, _ width: AccessWidth) throws

    /// States that an event of `source` happened and that its cause holds.
    func fire(_ source: Int) throws

    /// States that the cause of `source` no longer holds. Returns false if the subject's device has
    /// no way to say so.
    func withdraw(_ source: Int) throws -> Bool

    /// The data of messages that have arrived at `address` since the last call for it, oldest
    /// first. A subject that looks into memory can show the last one only.
    func takeMessages(at address: UInt64) throws -> [UInt32]
}
