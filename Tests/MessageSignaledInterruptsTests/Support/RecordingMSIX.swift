import MessageSignaledInterrupts
import PlatformTypes
import Registers
import Testing

/// A function that remembers every message it sent, whatever released it.
struct RecordingMSIX {
    private(set) var function: MSIXFunction
    private(set) var sent: [Send] = []

    /// A function after power-on.
    init(tableSize: Int, maskAuthority: MSIXFunction.MaskAuthority = .table) throws {
        function = try #require(MSIXFunction(tableSize: tableSize, maskAuthority: maskAuthority))
    }

    /// A function that a driver has set up: Bus Master on, every vector reserved, bound and
    /// programmed with its `message`, MSI-X enabled. Every entry is still masked.
    static func ready(
        tableSize: Int = 4, maskAuthority: MSIXFunction.MaskAuthority = .table
    ) throws -> Self {
        var subject = try Self(tableSize: tableSize, maskAuthority: maskAuthority)
        subject.serve()
        subject.program()
        subject.busMaster(true)
        subject.control(enable: true)
        return subject
    }

    /// The message that `ready` programs for `vector`.
    static func message(_ vector: VectorIndex) -> MSIMessage {
        MSIMessage(
            address: 0x1_fee0_0000 | UInt64(vector.index) << 12, data: 0x40 + UInt32(vector.index))
    }

    /// The sending of the message that `ready` programs for `vector`.
    static func send(_ vector: VectorIndex) -> Send {
        Send(vector: vector, message: message(vector))
    }

    var vectors: [VectorIndex] { (0..<function.tableSize).compactMap { VectorIndex($0) } }

    // MARK: The device's side

    @discardableResult
    mutating func assert(_ vector: VectorIndex) -> Delivery {
        let delivery = function.assert(vector)
        if case .send(let message) = delivery {
            sent.append(Send(vector: vector, message: message))
        }
        return delivery
    }

    mutating func deassert(_ vector: VectorIndex) { function.deassert(vector) }

    // MARK: The guest's side

    mutating func control(enable: Bool, functionMask: Bool = false) {
        function.setControl(enable: enable, functionMask: functionMask, into: &sent)
    }

    mutating func busMaster(_ enable: Bool) { function.setBusMaster(enable, into: &sent) }
    mutating func powered(_ isD0: Bool) { function.setPowered(isD0, into: &sent) }
    mutating func reset(keepingCauses: Bool = false) {
        function.reset(keepingCauses: keepingCauses)
    }

    mutating func write(_ offset: Int, _ width: AccessWidth, _ value: UInt64) {
        function.writeTable(at: offset, width, value, into: &sent)
    }

    mutating func read(_ offset: Int, _ width: AccessWidth = .dword) -> UInt64 {
        function.readTable(at: offset, width)
    }

    mutating func mask(_ vector: VectorIndex) { write(vector.index * 16 + 12, .dword, 1) }
    mutating func unmask(_ vector: VectorIndex) { write(vector.index * 16 + 12, .dword, 0) }
    mutating func unmaskAll() { for vector in vectors { unmask(vector) } }

    mutating func address(_ vector: VectorIndex, _ value: UInt64) {
        write(vector.index * 16, .dword, value & 0xffff_ffff)
        write(vector.index * 16 + 4, .dword, value >> 32)
    }

    mutating func data(_ vector: VectorIndex, _ value: UInt32) {
        write(vector.index * 16 + 8, .dword, UInt64(value))
    }

    mutating func program() {
        for vector in vectors {
            address(vector, Self.message(vector).address)
            data(vector, Self.message(vector).data)
        }
    }

    mutating func writePending() { function.writePending() }

    mutating func readPending(_ offset: Int = 0, _ width: AccessWidth = .qword) -> UInt64 {
        function.readPending(at: offset, width)
    }

    // MARK: The host's side

    mutating func reserve(_ vector: VectorIndex, _ reserved: Bool) {
        function.setReserved(vector, reserved, into: &sent)
    }

    mutating func bind(_ vector: VectorIndex, _ bound: Bool) {
        function.setBound(vector, bound, into: &sent)
    }

    mutating func clientMask(_ vector: VectorIndex, _ masked: Bool) {
        function.setClientMask(vector, masked, into: &sent)
    }

    mutating func authority(_ authority: MSIXFunction.MaskAuthority) {
        function.setMaskAuthority(authority, into: &sent)
    }

    /// Reserves and binds every vector.
    mutating func serve() {
        for vector in vectors {
            reserve(vector, true)
            bind(vector, true)
        }
    }
}
