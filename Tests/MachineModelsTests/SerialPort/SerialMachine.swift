import MachineModels

/// A serial port with a guest in front of it.
struct SerialMachine {
    var port = SerialPort()
    private(set) var output: [UInt8] = []

    mutating func read(_ offset: Int) -> UInt8 { port.read(at: offset) }

    mutating func write(_ offset: Int, _ value: UInt8) {
        port.write(value, at: offset, into: &output)
    }

    /// The byte that a guest reads after it has written `value` to the same register.
    mutating func readBack(_ offset: Int, _ value: UInt8) -> UInt8 {
        write(offset, value)
        return read(offset)
    }

    /// Receives `bytes`; returns how many were taken.
    mutating func receive(_ bytes: some Sequence<UInt8>) -> Int {
        bytes.reduce(0) { port.receive($1) ? $0 + 1 : $0 }
    }
}
