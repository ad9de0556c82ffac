import InterruptTestSupport
import LabSupport
import Registers

/// A function of QEMU's own under qtest as a subject: messages are aimed at RAM and found there.
class QTestSubject: ConformanceSubject {
    let name: String
    let sources: Int
    let messageArea: UInt64 = 0x10_0000
    let qtest: QTest
    let function: QTestPCIFunction

    /// What a word of RAM holds while no message has been there.
    private static let nothing: UInt32 = 0xdead_beef
    private var watched: Set<UInt64> = []

    init(_ name: String, sources: Int, _ qtest: QTest, _ function: QTestPCIFunction) {
        self.name = name
        self.sources = sources
        self.qtest = qtest
        self.function = function
    }

    func readConfig(at offset: Int, _ width: AccessWidth) throws -> UInt64 {
        UInt64(try function.config(read: offset, width: width.bytes))
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) throws {
        try function.config(
            write: offset, width: width.bytes, UInt32(truncatingIfNeeded: value))
    }

    func readBAR(_ bar: Int, at offset: Int, _ width: AccessWidth) throws -> UInt64 {
        let address = try function.address(ofBAR: bar) + UInt64(offset)
        return switch width {
        case .byte: UInt64(try qtest.readb(address))
        case .word: UInt64(try qtest.readw(address))
        case .dword: UInt64(try qtest.readl(address))
        case .qword: try qtest.readq(address)
        }
    }

    func writeBAR(_ value: UInt64, _ bar: Int, at offset: Int, _ width: AccessWidth) throws {
        let address = try function.address(ofBAR: bar) + UInt64(offset)
        switch width {
        case .byte: try qtest.writeb(address, UInt8(truncatingIfNeeded: value))
        case .word: try qtest.writew(address, UInt16(truncatingIfNeeded: value))
        case .dword: try qtest.writel(address, UInt32(truncatingIfNeeded: value))
        case .qword: try qtest.writeq(address, value)
        }
    }

    func fire(_ source: Int) throws { preconditionFailure("each device has its own trigger") }

    func withdraw(_ source: Int) throws -> Bool { false }

    func takeMessages(at address: UInt64) throws -> [UInt32] {
        try settle()
        let found = try qtest.readl(address)
        try qtest.writel(address, Self.nothing)
        let isNew = watched.insert(address).inserted
        return isNew || found == Self.nothing ? [] : [found]
    }

    /// Whatever is under way in QEMU's main loop gets there: each answer takes a turn of it.
    func settle() throws { for _ in 0..<4 { try qtest.clockStep(nanoseconds: 1) } }
}

/// QEMU's educational device: one MSI message without a mask, and the pin.
final class EduSubject: QTestSubject {
    private enum Register { static let (raise, acknowledge) = (0x60, 0x64) }

    init() throws {
        let qtest = try QTest(lab: try Lab.required(), devices: [#"{"driver":"edu","addr":"4"}"#])
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        super.init("qemu-edu", sources: 1, qtest, function)
    }

    override func fire(_ source: Int) throws {
        try writeBAR(1, 0, at: Register.raise, .dword)
    }

    override func withdraw(_ source: Int) throws -> Bool {
        // The device is silent while Memory Space Enable is 0, and the driver sets it afterwards.
        let command = try readConfig(at: 4, .word)
        try writeConfig(command | 2, at: 4, .word)
        try writeBAR(1, 0, at: Register.acknowledge, .dword)
        try writeConfig(command, at: 4, .word)
        return true
    }
}

/// QEMU's root port: two maskable MSI messages, the first of which tells of a completed command.
final class RootPortSubject: QTestSubject {
    private enum Slot {
        static let (control, status) = (0x18, 0x1a)
        static let commandCompleted: UInt64 = 0x10
        static let enables: UInt64 = 0x30
        static let powerIndicator: UInt64 = 0x300
    }

    private let express: Int
    private var indicator: UInt64 = 0x100

    init() throws {
        let qtest = try QTest(
            lab: try Lab.required(),
            devices: [#"{"driver":"ioh3420","addr":"4","chassis":1,"slot":1,"port":1}"#])
        let function = QTestPCIFunction(qtest, device: 4)
        guard let express = try function.capabilities(0x10).first else {
            throw LabError("ioh3420", reason: "it has no PCI Express capability")
        }
        self.express = express
        super.init("qemu-ioh3420", sources: 1, qtest, function)
    }

    override func fire(_ source: Int) throws {
        _ = try withdraw(source)
        indicator ^= Slot.powerIndicator
        try writeConfig(Slot.enables | indicator, at: express + Slot.control, .word)
    }

    override func withdraw(_ source: Int) throws -> Bool {
        try writeConfig(Slot.commandCompleted, at: express + Slot.status, .word)
        return true
    }
}
