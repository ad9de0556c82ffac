import Foundation
import ServerSupport
import TestTraits
import Testing
import VFIOUserServer

extension Serving {
    @Suite struct ExhaustionTests {
        @Test(.rule("VU-34")) func withoutADescriptorAClientIsTurnedAway() async {
            await #expect(processExitsWith: .success) {
                let server = try TestServer()
                try await server.serve(try ManualDevice())
                let held = Self.takeEveryDescriptor()
                close(held[0])
                let client = try RawClient(path: server.path("device"))
                #expect(try client.next() == nil)
                let process = try server.events.first { $0.turnedAway }
                #expect(process == getpid())
                for descriptor in held.dropFirst() { close(descriptor) }
                #expect(try RawClient.greeted(path: server.path("device")).isServed())
                let complaints = server.events.all.filter {
                    if case .hostError = $0 { true } else { false }
                }
                #expect(complaints.count == 1)
            }
        }

        /// The thread sanitizer reads /proc for each new thread, and ends a process that cannot.
        private static let isThreadSanitized =
            ProcessInfo.processInfo.environment["CARILLON_SANITIZE"] == "thread"

        @Test(
            .rule("VU-33"),
            .disabled(
                if: isThreadSanitized,
                "the thread sanitizer cannot start a thread without a descriptor"))
        func aServerThatCannotStartWholeLeavesNothing() async {
            await #expect(processExitsWith: .success) {
                let held = Self.takeEveryDescriptor()
                for descriptor in held.prefix(4) { close(descriptor) }
                #expect(throws: (any Error).self) { try VFIOUserServer(.init(loops: 64)) }
                for descriptor in held.dropFirst(4) { close(descriptor) }
                let left = try Self.loopThreads()
                #expect(left == 0)
            }
        }

        private static func loopThreads() throws -> Int {
            let tasks = URL(filePath: "/proc/self/task")
            return try FileManager.default.contentsOfDirectory(atPath: tasks.path).count { task in
                let name = try? FileHandle(
                    forReadingFrom: tasks.appending(path: "\(task)/comm")
                ).readToEnd()
                return String(decoding: (name ?? nil) ?? Data(), as: UTF8.self)
                    .hasPrefix("carillon-")
            }
        }

        /// Takes every descriptor that the process may still have.
        static func takeEveryDescriptor() -> [CInt] {
            var held: [CInt] = []
            while case let copy = dup(0), copy >= 0 { held.append(copy) }
            return held
        }
    }
}
