package import LinuxKernel
package import VFIOInterface

/// One range of bus addresses that the client mapped, with the memory behind it if it gave any.
///
/// Whoever uses the memory keeps the region; it is unmapped when the last user lets go.
package final class DMARegion: Sendable {
    package let range: ClosedRange<UInt64>
    package let access: DMAFlags
    package let memory: MappedMemory?

    package init(range: ClosedRange<UInt64>, access: DMAFlags, memory: MappedMemory?) {
        self.range = range
        self.access = access
        self.memory = memory
    }
}
