// swift-tools-version: 6.2
import PackageDescription

// Fuzzers are a package of their own: their flags build everything anew, and nobody who depends on
// the library needs them. Build with `make fuzz`.
let package = Package(
    name: "carillon-fuzz",
    dependencies: [.package(name: "carillon", path: "..")],
    targets: [
        .executableTarget(
            name: "carillon-fuzz",
            dependencies: [.product(name: "FuzzTargets", package: "carillon")],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    ]
)
