// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "carillon",
    products: [
        .library(
            name: "DeviceModels",
            targets: [
                "DeviceModels", "PCIConfigSpace", "MessageSignaledInterrupts", "IRQDomains",
                "InterruptTrace", "PlatformTypes", "Registers",
            ]),
        .library(name: "AcceleratorEngines", targets: ["AcceleratorEngines"]),
        .library(name: "VFIOUserServer", targets: ["VFIOUserServer", "LinuxKernel"]),
        .library(
            name: "VFIOUserClient",
            targets: ["VFIOUserClient", "VFIOUserWire", "VFIOInterface", "LinuxKernel"]),
        .library(
            name: "VirtualMachine",
            targets: ["VirtualMachine", "InterruptDelivery", "KVM", "MachineModels"]),
        .library(name: "InterruptTestSupport", targets: ["InterruptTestSupport"]),
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
        .executable(name: "carillon", targets: ["carillon"]),
        .executable(name: "interrupt-payload", targets: ["interrupt-payload"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    ],
    targets: [
        // MARK: Layer 0 — words
        .target(name: "Registers"),
        .target(name: "PlatformTypes"),

        // MARK: Layer 1 — models
        .target(name: "MessageSignaledInterrupts", dependencies: ["PlatformTypes", "Registers"]),
        .target(name: "InterruptTrace", dependencies: ["MessageSignaledInterrupts"]),
        .target(
            name: "IRQDomains",
            dependencies: ["MessageSignaledInterrupts", "PlatformTypes", "Registers"]),
        .target(
            name: "PCIConfigSpace",
            dependencies: ["MessageSignaledInterrupts", "PlatformTypes", "Registers"]),
        .target(
            name: "DeviceModels",
            dependencies: [
                "PCIConfigSpace", "IRQDomains", "InterruptTrace", "MessageSignaledInterrupts",
                "PlatformTypes", "Registers",
                .product(name: "BasicContainers", package: "swift-collections"),
            ]),

        .target(name: "MachineModels", dependencies: ["PlatformTypes", "Registers"]),

        // MARK: Layer 2 — codecs
        .target(name: "VFIOInterface", dependencies: ["Registers"]),
        .target(name: "VFIOUserWire", dependencies: ["VFIOInterface", "Registers"]),

        // MARK: Layer 3 — Linux
        .target(name: "CLinuxUAPI", cSettings: [.treatAllWarnings(as: .error)]),
        .target(
            name: "LinuxKernel", dependencies: ["CLinuxUAPI", "PlatformTypes", "Registers"]),
        .target(name: "KVM", dependencies: ["CLinuxUAPI", "LinuxKernel", "PlatformTypes"]),

        // MARK: Layer 4 — services
        .target(name: "EventLoops", dependencies: ["LinuxKernel"]),
        .target(
            name: "VFIOUserClient",
            dependencies: [
                "LinuxKernel", "VFIOUserWire", "VFIOInterface", "PlatformTypes", "Registers",
            ]),
        .target(
            name: "VFIOUserServer",
            dependencies: [
                "EventLoops", "LinuxKernel", "VFIOUserWire", "VFIOInterface", "DeviceModels",
                "PCIConfigSpace", "IRQDomains", "InterruptTrace", "MessageSignaledInterrupts",
                "PlatformTypes", "Registers",
                .product(name: "BasicContainers", package: "swift-collections"),
            ]),
        .target(
            name: "AcceleratorEngines",
            dependencies: ["DeviceModels", "LinuxKernel", "PlatformTypes", "Registers"]),
        .target(
            name: "InterruptDelivery",
            dependencies: ["EventLoops", "IRQDomains", "KVM", "LinuxKernel", "PlatformTypes"]),
        .target(
            name: "VirtualMachine",
            dependencies: [
                "InterruptDelivery", "KVM", "MachineModels", "EventLoops", "VFIOUserClient",
                "VFIOUserWire", "VFIOInterface", "DeviceModels", "PCIConfigSpace", "IRQDomains",
                "MessageSignaledInterrupts", "LinuxKernel", "PlatformTypes", "Registers",
                .product(name: "BasicContainers", package: "swift-collections"),
            ]),
        .target(
            name: "MediatedDevices", dependencies: ["IRQDomains", "LinuxKernel", "VFIOUserServer"]),

        // MARK: Layer 5 — programs
        .executableTarget(
            name: "carillon",
            dependencies: [
                "AcceleratorEngines", "MediatedDevices", "VFIOUserServer", "VFIOUserClient",
                "VirtualMachine", "InterruptDelivery", "KVM", "MachineModels", "DeviceModels",
                "IRQDomains", "MessageSignaledInterrupts", "InterruptTrace",
                "LinuxKernel", "PlatformTypes",
                "Registers", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Explain/errors.md")]),

        // A program for a machine without an operating system: neither the C library nor Swift's
        // is in it, which the driver adds unless it thinks of embedded Swift.
        .executableTarget(
            name: "interrupt-payload", path: "Guests/InterruptPayload",
            cSettings: [
                .headerSearchPath("."), .treatAllWarnings(as: .error),
                .unsafeFlags([
                    "-std=c17", "-ffreestanding", "-fvisibility=hidden", "-fno-stack-protector",
                    "-fno-asynchronous-unwind-tables", "-mno-red-zone", "-mgeneral-regs-only",
                    "-O1", "-Wall", "-Wextra",
                ]),
            ],
            linkerSettings: [
                .unsafeFlags([
                    "-enable-experimental-feature", "Embedded", "-nostartfiles", "-use-ld=lld",
                    "-Xclang-linker", "-nostdlib", "-Xclang-linker", "-static",
                    "-Xclang-linker", "-Wno-unused-command-line-argument",
                    "-Xlinker", "--image-base=0x1000000", "-Xlinker", "--build-id=none",
                    "-Xlinker", "-z", "-Xlinker", "norelro",
                ])
            ]),

        // MARK: Beside
        .target(
            name: "InterruptTestSupport",
            dependencies: [
                "DeviceModels", "MessageSignaledInterrupts", "PlatformTypes", "Registers",
            ]),

        // MARK: Tools
        .target(name: "RepositoryRules", path: "Tools/RepositoryRules"),
        .executableTarget(
            name: "carillon-tidy", dependencies: ["RepositoryRules"], path: "Tools/carillon-tidy"),

        // MARK: Tests
        .target(name: "TestTraits", path: "Tests/Support/TestTraits"),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "InterruptTestSupport", "VFIOUserServer", "VFIOUserWire", "VFIOInterface",
                "DeviceModels", "IRQDomains", "LinuxKernel", "MessageSignaledInterrupts",
                "PCIConfigSpace", "PlatformTypes", "Registers",
            ],
            path: "Tests/Support/FuzzTargets"),
        .target(
            name: "LabSupport", dependencies: ["LinuxKernel", "TestTraits"],
            path: "Tests/Support/LabSupport"),
        .target(
            name: "ServerSupport",
            dependencies: [
                "VFIOUserServer", "VFIOUserClient", "VFIOUserWire", "DeviceModels", "IRQDomains",
                "LinuxKernel", "MessageSignaledInterrupts", "PCIConfigSpace", "PlatformTypes",
                "Registers", "TestTraits",
            ],
            path: "Tests/Support/ServerSupport"),
        .testTarget(name: "RegistersTests", dependencies: ["Registers", "TestTraits"]),
        .testTarget(
            name: "AcceleratorEnginesTests",
            dependencies: [
                "AcceleratorEngines", "DeviceModels", "IRQDomains", "LinuxKernel",
                "MessageSignaledInterrupts", "PlatformTypes", "Registers", "ServerSupport",
                "TestTraits", "VFIOInterface", "VFIOUserClient", "VFIOUserServer",
            ]),
        .testTarget(name: "PlatformTypesTests", dependencies: ["PlatformTypes", "TestTraits"]),
        .testTarget(
            name: "MessageSignaledInterruptsTests",
            dependencies: [
                "InterruptTestSupport", "MessageSignaledInterrupts", "PlatformTypes", "Registers",
                "TestTraits",
            ]),
        .testTarget(
            name: "IRQDomainsTests",
            dependencies: [
                "InterruptTestSupport", "IRQDomains", "MessageSignaledInterrupts", "PlatformTypes",
                "Registers", "TestTraits",
            ]),
        .testTarget(
            name: "InterruptTraceTests",
            dependencies: [
                "DeviceModels", "IRQDomains", "InterruptTestSupport", "InterruptTrace",
                "MessageSignaledInterrupts", "PCIConfigSpace", "PlatformTypes", "Registers",
                "TestTraits",
            ],
            exclude: ["Goldens"]),
        .testTarget(
            name: "InterruptTestSupportTests",
            dependencies: ["InterruptTestSupport", "TestTraits"]),
        .testTarget(
            name: "PCIConfigSpaceTests",
            dependencies: [
                "LabSupport", "MessageSignaledInterrupts", "PCIConfigSpace", "Registers",
                "TestTraits",
            ]),
        .testTarget(
            name: "MachineModelsTests",
            dependencies: [
                "InterruptTestSupport", "MachineModels", "PlatformTypes", "Registers",
                "TestTraits",
            ]),
        .testTarget(
            name: "KVMTests",
            dependencies: ["KVM", "LinuxKernel", "PlatformTypes", "TestTraits"]),
        .testTarget(
            name: "InterruptDeliveryTests",
            dependencies: [
                "EventLoops", "IRQDomains", "InterruptDelivery", "InterruptTestSupport", "KVM",
                "LinuxKernel", "PlatformTypes", "TestTraits",
            ]),
        .testTarget(
            name: "VirtualMachineTests",
            dependencies: [
                "DeviceModels", "IRQDomains", "InterruptDelivery", "InterruptTestSupport",
                "LinuxKernel", "MachineModels", "MessageSignaledInterrupts", "PlatformTypes",
                "Registers", "ServerSupport", "TestTraits", "VFIOUserServer", "VirtualMachine",
            ]),
        .testTarget(name: "VFIOInterfaceTests", dependencies: ["VFIOInterface", "Registers"]),
        .testTarget(
            name: "VFIOUserWireTests",
            dependencies: ["VFIOUserWire", "VFIOInterface", "Registers"]),
        .testTarget(
            name: "LinuxKernelTests",
            dependencies: ["LinuxKernel", "PlatformTypes", "Registers", "TestTraits"]),
        .target(
            name: "ProgramSupport", dependencies: ["LabSupport"],
            path: "Tests/Support/ProgramSupport"),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "carillon", "LabSupport", "ProgramSupport", "LinuxKernel", "PlatformTypes",
                "Registers", "TestTraits", "VFIOInterface", "VFIOUserClient",
            ]),
        .testTarget(
            name: "VFIOUserServerTests",
            dependencies: [
                "ServerSupport", "VFIOUserServer", "VFIOUserClient", "VFIOUserWire",
                "VFIOInterface", "DeviceModels", "IRQDomains", "InterruptTrace", "LinuxKernel",
                "MessageSignaledInterrupts", "PlatformTypes", "Registers", "TestTraits",
            ],
            exclude: ["Conversations"]),
        .testTarget(
            name: "VFIOUserClientTests",
            dependencies: [
                "ServerSupport", "VFIOUserServer", "VFIOUserClient", "VFIOInterface",
                "DeviceModels", "LinuxKernel", "Registers", "TestTraits",
            ]),
        .testTarget(
            name: "MediatedDevicesTests",
            dependencies: [
                "MediatedDevices", "VFIOUserServer", "VFIOUserClient", "DeviceModels", "IRQDomains",
                "LinuxKernel", "ServerSupport", "TestTraits", "VFIOInterface",
            ]),
        .testTarget(
            name: "DeviceModelsTests",
            dependencies: [
                "DeviceModels", "IRQDomains", "InterruptTestSupport", "InterruptTrace",
                "MessageSignaledInterrupts", "PCIConfigSpace", "PlatformTypes", "Registers",
                "TestTraits",
            ]),
        .testTarget(name: "LabSupportTests", dependencies: ["LabSupport"]),
        .testTarget(
            name: "QTestTierTests",
            dependencies: [
                "DeviceModels", "IRQDomains", "LabSupport", "LinuxKernel",
                "MessageSignaledInterrupts", "Registers", "ServerSupport", "TestTraits",
                "VFIOInterface", "VFIOUserServer", "VFIOUserWire",
            ]),
        .testTarget(
            name: "ConformanceTests",
            dependencies: [
                "DeviceModels", "IRQDomains", "InterruptTestSupport", "LabSupport", "LinuxKernel",
                "MessageSignaledInterrupts", "PlatformTypes", "Registers", "TestTraits",
            ]),
        .testTarget(
            name: "GuestTierTests", dependencies: ["LabSupport", "LinuxKernel", "TestTraits"]),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "InterruptTestSupport"]),
        .testTarget(name: "TidyTests", dependencies: ["RepositoryRules"]),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "LinuxKernel", "MediatedDevices", "MessageSignaledInterrupts", "PlatformTypes",
                "VFIOInterface",
            ]),
    ]
)

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
]
for target in package.targets where target.type != .system { target.swiftSettings = settings }

// `--sanitize` instruments dependencies too, and the thread sanitizer's pass of Swift 6.3 breaks on
// one of them. What is looked for is in our own modules.
if let sanitizer = Context.environment["CARILLON_SANITIZE"] {
    // What runs without an operating system has no room for a sanitizer's library.
    package.targets.removeAll { $0.name == "interrupt-payload" }
    package.products.removeAll { $0.name == "interrupt-payload" }
    for target in package.targets {
        let flag = "-sanitize=\(sanitizer)"
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags([flag])]
        target.linkerSettings = (target.linkerSettings ?? []) + [.unsafeFlags([flag])]
        target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-f" + flag.dropFirst()])]
    }
}
