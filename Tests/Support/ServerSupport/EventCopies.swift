import Foundation
public import LinuxKernel

/// How many descriptors of this process lead to one eventfd: exact whatever other tests open,
/// because the kernel numbers eventfds (proc(5), fdinfo).
public enum EventCopies {
    /// The number of descriptors that lead to `event`, its own among them; nil if the kernel does
    /// not number eventfds.
    public static func count(of event: borrowing EventFD) -> Int? {
        guard let wanted = number(of: "\(event.raw)"),
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return nil }
        return names.count { number(of: $0) == wanted }
    }

    /// Unlike the folder of the process, that of the thread stays when the main thread has ended.
    private static let folder = "/proc/thread-self/fdinfo"

    private static func number(of descriptor: String) -> Substring? {
        let text = try? String(contentsOfFile: "\(folder)/\(descriptor)", encoding: .utf8)
        return text?.split(separator: "\n").first { $0.hasPrefix("eventfd-id:") }
    }
}
