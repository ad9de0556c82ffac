/// Who is at the other end of a console. Nothing here waits.
///
/// Call only on the loop that the device runs on.
public protocol ConsoleChannel {
    /// The descriptor that can be read while there is something that `setInterest` asked for, or
    /// somebody who wants to be let in.
    var descriptor: Int32 { get }

    /// Lets somebody in who wants to, if there is room.
    mutating func welcome()

    /// Says what the device can do now: take input, go on with output.
    mutating func setInterest(input: Bool, output: Bool)

    /// Fills the beginning of `bytes` with input. Returns how many; 0 for none.
    mutating func read(into bytes: inout MutableRawSpan) -> Int

    /// Takes the beginning of `bytes`. Returns how many were taken; 0 if none can be now, nil if
    /// nobody is there.
    mutating func write(_ bytes: RawSpan) -> Int?
}
