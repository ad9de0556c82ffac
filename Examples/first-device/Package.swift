// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "first-device",
    dependencies: [.package(name: "carillon", path: "../..")],
    targets: [
        .target(
            name: "Chime",
            dependencies: [.product(name: "DeviceModels", package: "carillon")]),
        .executableTarget(
            name: "first-device",
            dependencies: [
                "Chime",
                .product(name: "DeviceModels", package: "carillon"),
                .product(name: "VFIOUserServer", package: "carillon"),
                .product(name: "VFIOUserClient", package: "carillon"),
            ]),
        .testTarget(
            name: "ChimeTests",
            dependencies: [
                "Chime",
                .product(name: "DeviceModels", package: "carillon"),
                .product(name: "VFIOUserServer", package: "carillon"),
                .product(name: "VFIOUserClient", package: "carillon"),
            ]),
    ]
)
