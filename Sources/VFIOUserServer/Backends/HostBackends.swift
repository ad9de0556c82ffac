public import DeviceModels
public import LinuxKernel

/// Blocks in a file or on a block device of the host.
extension BlockFile: BlockStorage {}

/// A console's other end: a terminal or a socket of the host.
extension ConsoleLine: ConsoleChannel {}
