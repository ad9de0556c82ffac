public import DeviceModels
public import LinuxKernel

/// A console's other end on the host: a terminal or a socket.
public struct HostConsole: ConsoleChannel {
    private let line: ConsoleLine

    /// The end that `line` is.
    public init(_ line: ConsoleLine) { self.line = line }

    /// The descriptor of the line.
    public var descriptor: Int32 { line.descriptor }

    /// Lets somebody in.
    public func welcome() { line.welcome() }

    /// Says what can be done now.
    public func setInterest(input: Bool, output: Bool) {
        line.setInterest(input: input, output: output)
    }

    /// Takes input.
    public func read(into bytes: inout MutableRawSpan) -> Int { line.read(into: &bytes) }

    /// Gives output.
    public func write(_ bytes: RawSpan) -> Int? { line.write(bytes) }
}
