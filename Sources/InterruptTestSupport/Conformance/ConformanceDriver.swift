import Registers

/// A subject with what a driver knows of it: where its capabilities stand and how to set them up.
final class ConformanceDriver {
    let subject: any ConformanceSubject
    private let msixStart: Int?
    private let msiStart: Int?
    private var seen: [String] = []

    init(_ subject: any ConformanceSubject) throws {
        self.subject = subject
        msixStart = try Self.find(0x11, in: subject)
        msiStart = try Self.find(0x05, in: subject)
    }

    private static func find(_ id: UInt64, in subject: any ConformanceSubject) throws -> Int? {
        var offset = Int(try subject.readConfig(at: 0x34, .byte)) & 0xfc
        for _ in 0..<48 where offset != 0 {
            if try subject.readConfig(at: offset, .byte) == id { return offset }
            offset = Int(try subject.readConfig(at: offset + 1, .byte)) & 0xfc
        }
        return nil
    }

    /// What `rule` comes to.
    func outcome(of rule: ConformanceRule) throws -> ConformanceOutcome {
        if let why = try lack(for: rule) { return .notApplicable(why) }
        seen = []
        try rule.trial(self)
        return seen.isEmpty ? .passed : .differs(seen)
    }

    private func lack(for rule: ConformanceRule) throws -> String? {
        switch rule.mechanism {
        case .msix:
            guard msixStart != nil else { return "no MSI-X" }
            if vectorCount < rule.needs.messages { return "\(vectorCount) vectors" }
        case .msi:
            guard msiStart != nil else { return "no MSI" }
            let control = try messageControl()
            if 1 << Int(control >> 1 & 7) < rule.needs.messages { return "one message" }
            if rule.needs.masking, control & 0x100 == 0 { return "no masking" }
        case .pin:
            if try subject.readConfig(at: 0x3d, .byte) == 0 { return "no pin" }
        }
        if subject.sources < rule.needs.sources { return "\(subject.sources) source" }
        if rule.needs.withdrawal, try !subject.withdraw(0) { return "no withdrawal" }
        return nil
    }

    /// Compares what was seen with what the rule says.
    func expect(_ what: String, _ value: UInt64, _ wanted: UInt64) {
        guard value != wanted else { return }
        let values = [value, wanted].map { "0x" + String($0, radix: 16) }
        seen.append("\(what) \(values[0]), not \(values[1])")
    }

    /// Compares the messages that arrived at the address of `number` with what the rule says. Where
    /// a subject shows the last message only, one stands for any number.
    func expectMessages(_ what: String, at number: Int, _ wanted: [UInt32]) throws {
        let arrived = try subject.takeMessages(at: address(number))
        guard arrived != wanted else { return }
        func words(_ data: [UInt32]) -> String {
            data.isEmpty
                ? "nothing" : data.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
        }
        seen.append("\(what) \(words(arrived)), not \(words(wanted))")
    }

    // MARK: The header

    func setCommand(memory: Bool = true, busMaster: Bool = true, interruptDisable: Bool = false)
        throws
    {
        let bits = (memory ? 2 : 0) | (busMaster ? 4 : 0) | (interruptDisable ? 0x400 : 0)
        try subject.writeConfig(UInt64(bits), at: 4, .word)
    }

    var interruptStatus: UInt64 {
        get throws { try subject.readConfig(at: 6, .word) >> 3 & 1 }
    }

    /// Where message `number` is aimed.
    func address(_ number: Int) -> UInt64 { subject.messageArea + UInt64(16 * number) }

    /// The data that message `number` is set up with.
    func data(_ number: Int) -> UInt32 { 0x100 + UInt32(number) }

    // MARK: MSI-X

    /// Vectors that the rules use, of those in the table.
    var vectorCount: Int {
        guard let start = msixStart,
            let control = try? subject.readConfig(at: start + 2, .word)
        else { return 0 }
        return Int(control & 0x7ff) + 1
    }

    private var usedVectors: Range<Int> { 0..<min(vectorCount, 4) }

    /// Offset of MSI-X Message Control in configuration space.
    func msixControlOffset() throws -> Int { try Self.require(msixStart) + 2 }

    func msixControl() throws -> UInt64 { try subject.readConfig(at: msixControlOffset(), .word) }

    func setMSIX(enable: Bool, functionMask: Bool = false) throws {
        try subject.writeConfig(
            (enable ? 0x8000 : 0) | (functionMask ? 0x4000 : 0), at: msixControlOffset(), .word)
    }

    private func place(_ register: Int) throws -> (bar: Int, offset: Int) {
        let value = try subject.readConfig(at: Self.require(msixStart) + register, .dword)
        return (Int(value & 7), Int(value & ~7))
    }

    func readTable(_ vector: Int, _ register: Int, _ width: AccessWidth = .dword) throws -> UInt64 {
        let table = try place(4)
        return try subject.readBAR(
            table.bar, at: table.offset + 16 * vector + register, width)
    }

    func writeTable(
        _ vector: Int, _ register: Int, _ value: UInt64, _ width: AccessWidth = .dword
    ) throws {
        let table = try place(4)
        try subject.writeBAR(value, table.bar, at: table.offset + 16 * vector + register, width)
    }

    func pendingBits(_ width: AccessWidth = .qword) throws -> UInt64 {
        let pending = try place(8)
        return try subject.readBAR(pending.bar, at: pending.offset, width)
    }

    func writePending(_ value: UInt64, _ width: AccessWidth) throws {
        let pending = try place(8)
        try subject.writeBAR(value, pending.bar, at: pending.offset, width)
    }

    func mask(_ vector: Int, _ masked: Bool) throws { try writeTable(vector, 12, masked ? 1 : 0) }

    /// A function as its driver leaves it: nothing waits, `masked` or not, enabled or not.
    func readyMSIX(enable: Bool = true, masked: Bool = false) throws {
        try disableMSI()
        try setCommand()
        try setMSIX(enable: true)
        for vector in usedVectors {
            try mask(vector, true)
            try writeTable(vector, 0, address(vector) & 0xffff_ffff)
            try writeTable(vector, 4, address(vector) >> 32)
            try writeTable(vector, 8, UInt64(data(vector)))
            try mask(vector, false)
        }
        for source in 0..<subject.sources { _ = try subject.withdraw(source) }
        for vector in 0..<16 { _ = try subject.takeMessages(at: address(vector)) }
        for vector in usedVectors where masked { try mask(vector, true) }
        try setMSIX(enable: enable)
    }

    // MARK: MSI

    func messageControl() throws -> UInt64 {
        try subject.readConfig(at: Self.require(msiStart) + 2, .word)
    }

    func setMessageControl(_ value: UInt64, _ width: AccessWidth = .word) throws {
        try subject.writeConfig(value, at: Self.require(msiStart) + 2, width)
    }

    /// Sets MSI Enable and grants two to the power of `exponent` messages.
    func setMSI(enable: Bool, exponent: UInt64 = 0) throws {
        try setMessageControl(exponent << 4 | (enable ? 1 : 0))
    }

    private func disableMSI() throws { if msiStart != nil { try setMSI(enable: false) } }

    /// Bytes from the capability's start to Message Data.
    private func dataOffset() throws -> Int { try messageControl() & 0x80 != 0 ? 0x0c : 0x08 }

    /// Reads the register at `offset` from the capability's start.
    func readMSI(_ offset: Int, _ width: AccessWidth = .dword) throws -> UInt64 {
        try subject.readConfig(at: Self.require(msiStart) + offset, width)
    }

    /// Writes the register at `offset` from the capability's start.
    func writeMSI(_ offset: Int, _ value: UInt64, _ width: AccessWidth = .dword) throws {
        try subject.writeConfig(value, at: Self.require(msiStart) + offset, width)
    }

    func setMessage(_ address: UInt64, data: UInt32) throws {
        try writeMSI(4, address & 0xffff_ffff)
        if try messageControl() & 0x80 != 0 { try writeMSI(8, address >> 32) }
        try writeMSI(try dataOffset(), UInt64(data), .word)
    }

    func setMask(_ bits: UInt64) throws { try writeMSI(try dataOffset() + 4, bits) }

    func messageMask() throws -> UInt64 { try readMSI(try dataOffset() + 4) }

    func pendingMessages() throws -> UInt64 { try readMSI(try dataOffset() + 8) }

    /// A function as its driver leaves it: nothing waits; the message is that of number 0.
    func readyMSI(enable: Bool = true, exponent: UInt64 = 0, data: UInt32? = nil) throws {
        if msixStart != nil { try setMSIX(enable: false) }
        try setCommand()
        try setMessage(address(0), data: self.data(0))
        try setMSI(enable: true, exponent: exponent)
        if try messageControl() & 0x100 != 0 { try setMask(0) }
        for source in 0..<subject.sources { _ = try subject.withdraw(source) }
        try setMessage(address(0), data: data ?? self.data(0))
        for number in 0..<16 { _ = try subject.takeMessages(at: address(number)) }
        try setMSI(enable: enable, exponent: exponent)
    }

    /// A function without messages, whose pin may speak.
    func readyPin() throws {
        if msixStart != nil { try setMSIX(enable: false) }
        try disableMSI()
        for source in 0..<subject.sources { _ = try subject.withdraw(source) }
        try setCommand()
    }

    /// Whether the function has MSI or MSI-X at all.
    var hasMessages: Bool { msixStart != nil || msiStart != nil }

    /// Enables MSI-X, or MSI in a function without it.
    func enableMessages() throws {
        if msixStart != nil { try setMSIX(enable: true) } else { try setMSI(enable: true) }
    }

    private static func require(_ start: Int?) throws -> Int {
        guard let start else { preconditionFailure("a rule is tried only where it applies") }
        return start
    }
}
