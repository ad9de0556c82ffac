import Foundation
import FuzzTargets

/// The target that this process fuzzes, named in the environment as CARILLON_FUZZ_TARGET.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["CARILLON_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        FileHandle.standardError.write(
            Data("set CARILLON_FUZZ_TARGET to one of: \(names)\n".utf8))
        exit(64)
    }
    return target
}()

/// What libFuzzer calls with each input that it makes up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer lends `count` bytes for the call; they are copied before they are used.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let law = target.run(bytes) {
        FileHandle.standardError.write(Data("law broken: \(law)\n".utf8))
        preconditionFailure("every law holds, whatever the bytes")
    }
    return 0
}
