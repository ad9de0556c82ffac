import Foundation

/// A directory of its own for one run, removed with this object. Its path is short enough for the
/// address of a unix socket.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws(LabError) {
        path = "/tmp/carillon-\(UUID().uuidString.prefix(13))"
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw LabError("create \(path)", reason: "\(error)")
        }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
