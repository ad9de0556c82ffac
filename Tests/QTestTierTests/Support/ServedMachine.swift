import DeviceModels
import Foundation
import IRQDomains
import LabSupport
import VFIOUserServer

/// Our server, in this process, and a QEMU under qtest that is its client.
final class ServedMachine {
    /// RAM outside the ring of `QTestVirtioFunction`, where messages arrive.
    static let messageAddress: UInt64 = 0x10_0000
    /// The PCI slot of the first device; the others follow.
    static let slot: UInt8 = 4
    /// Devices four slots apart share the line of a pin (PCI Local Bus 3.0 section 2.2.6).
    static let slotsOfSharedLine = 4

    let server: VFIOUserServer
    let observer: RecordingObserver
    let parent: VectorPool
    private(set) var qtest: QTest
    private let directory: TemporaryDirectory
    private let deviceCount: Int
    private let stride: Int
    private let properties: String

    /// Serves entropy devices that share one parent, and starts QEMU with all of them.
    convenience init(
        vectors: Int = 2, devices: Int = 1, properties: String = ""
    ) async throws {
        try await self.init(vectors: vectors, devices: devices, properties: properties) {
            VirtioPCI(VirtioRNG(source: KernelEntropy()))
        }
    }

    /// Serves devices that share one parent, and starts QEMU with all of them.
    ///
    /// - Parameters:
    ///   - vectors: how many vectors the parent has.
    ///   - devices: how many devices share them.
    ///   - stride: slots from one device to the next.
    ///   - properties: more properties of `vfio-user-pci`, each with a comma before it.
    ///   - make: makes a device.
    /// - Throws: what the host or the lab refuses.
    init<Model: DeviceModel>(
        vectors: Int = 2, devices: Int = 1, stride: Int = 1, properties: String = "",
        _ make: @escaping @Sendable () -> Model
    ) async throws {
        directory = try TemporaryDirectory()
        deviceCount = devices
        self.properties = properties
        self.stride = stride
        let observer = RecordingObserver()
        self.observer = observer
        parent = VectorPool(name: "parent", capacity: vectors)
        server = try VFIOUserServer(.init(loops: 1)) { observer.observe($0) }
        for number in 0..<devices {
            let placement = DevicePlacement(
                name: Self.name(number), socketPath: "\(directory.path)/\(number)", parent: parent)
            try await server.serve(placement, make)
        }
        qtest = try Self.start(directory, devices, stride, properties)
    }

    deinit {
        server.stop()
    }

    /// Starts another QEMU in place of the one that is there, which should be dead.
    func restart() throws {
        qtest = try Self.start(directory, deviceCount, stride, properties)
    }

    /// A device with its BARs mapped.
    func function(_ number: Int = 0) throws -> QTestPCIFunction {
        var function = QTestPCIFunction(qtest, device: Self.slot + UInt8(number * stride))
        try function.mapBARs(memory: 0xe000_0000 + UInt64(number) << 24)
        return function
    }

    /// What became of a device's interrupts so far.
    func report(_ number: Int = 0) async throws -> DeviceReport {
        guard let report = await server.report(of: Self.name(number)) else {
            throw LabError("report", reason: "there is no device \(number)")
        }
        return report
    }

    /// The argument of `-device` for a served device.
    func deviceArgument(_ number: Int = 0) -> String {
        Self.argument(directory, number, stride, properties)
    }

    /// QEMU's own record of what it sent and received, line by line.
    func trace() throws -> [String] {
        try String(contentsOfFile: "\(directory.path)/trace", encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    /// What QEMU complained of.
    var complaints: [Substring] {
        qtest.qemu.diagnostics.split(separator: "\n")
    }

    private static func start(
        _ directory: TemporaryDirectory, _ devices: Int, _ stride: Int, _ properties: String
    ) throws -> QTest {
        try QTest(
            lab: try Lab.required(),
            devices: (0..<devices).map { argument(directory, $0, stride, properties) },
            arguments: ["-trace", "vfio_user*", "-D", "\(directory.path)/trace"])
    }

    private static func argument(
        _ directory: TemporaryDirectory, _ number: Int, _ stride: Int, _ properties: String
    ) -> String {
        let socket = #"{"type":"unix","path":"\#(directory.path)/\#(number)"}"#
        let place = #""addr":"\#(String(Int(slot) + number * stride, radix: 16))""#
        return #"{"driver":"vfio-user-pci",\#(place),"socket":\#(socket)\#(properties)}"#
    }

    private static func name(_ number: Int) -> String { "device\(number)" }
}
