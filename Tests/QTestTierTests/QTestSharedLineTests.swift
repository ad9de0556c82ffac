import DeviceModels
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing
import VFIOUserServer

/// Four served functions whose pins share one line of the I/O APIC.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestSharedLineTests {
    private let machine: ServedMachine
    private let qtest: QTest
    private let functions: [QTestPCIFunction]

    init() async throws {
        let tester = try InterruptTester(.init(vectors: 2, messages: nil))
        machine = try await ServedMachine(
            vectors: 8, devices: 4, stride: ServedMachine.slotsOfSharedLine
        ) { tester }
        qtest = machine.qtest
        functions = try (0..<4).map { [machine] in try machine.function($0) }
        try qtest.interceptInterrupts(of: "ioapic")
    }

    private func set(_ device: Int, _ register: TesterRegister, _ value: UInt32) throws {
        let base = try functions[device].address(ofBAR: 0)
        try qtest.writel(base + UInt64(register.rawValue), value)
    }

    @Test(.scenario("T-I09"), .rules("INTX-12", "TEST-3"))
    mutating func `The line stays raised while any function holds it`() async throws {
        for device in 0..<4 { try set(device, .fire, 1) }
        try #require(try qtest.waitForLineChanges(1))
        let line = try #require(qtest.lineChanges.first?.line)
        #expect(qtest.lineChanges.allSatisfy { $0.line == line }, "all four share it")
        for device in 0..<3 {
            try set(device, .acknowledge, 1)
            #expect(qtest.isRaised(line), "\(3 - device) hold it still")
        }
        try set(3, .acknowledge, 1)
        #expect(!qtest.isRaised(line))
        for device in 0..<4 {
            let report = try await machine.report(device)
            #expect(report.pin.raised == 1)
            #expect(report.pin.sent == 1)
            #expect(report.booksBalance)
        }
    }
}
