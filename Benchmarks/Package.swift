// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "carillon-benchmarks",
    dependencies: [
        // The name holds whatever the folder of the checkout is called.
        .package(name: "carillon", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .target(name: "CFloor", cSettings: [.treatAllWarnings(as: .error)]),
        .executableTarget(
            name: "carillon-bench",
            dependencies: [
                "CFloor",
                .product(name: "AcceleratorEngines", package: "carillon"),
                .product(name: "DeviceModels", package: "carillon"),
                .product(name: "InterruptTestSupport", package: "carillon"),
                .product(name: "VFIOUserServer", package: "carillon"),
                .product(name: "VFIOUserClient", package: "carillon"),
                .product(name: "VirtualMachine", package: "carillon"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
                .strictMemorySafety(),
            ]),
    ]
)
