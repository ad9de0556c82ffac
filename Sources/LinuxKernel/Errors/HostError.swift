import CLinuxUAPI
import Glibc

/// The host said no: what was attempted, on what, what the kernel answered and what to try.
///
/// Reads: "could not create an eventfd for client 3: Too many open files (EMFILE). Raise the limit
/// of open descriptors, … [HOST-EVENTFD]".
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// Which step failed. Stable across releases.
    public let code: Code
    /// The step as a verb phrase, such as "create an eventfd".
    public let operation: String
    /// What the step was done on, such as a path or "for client 3". May be empty.
    public let subject: String
    /// The kernel's answer as in errno(3), positive.
    public let errno: CInt
    /// One or two sentences about what to try.
    public let advice: String

    /// Makes an error.
    ///
    /// - Parameter errno: the number, with either sign: shims answer -errno.
    /// - Parameter advice: nil for the advice that fits `errno`, or else `code`.
    package init(
        _ code: Code,
        _ operation: String,
        _ subject: String,
        errno: CInt,
        advice: String? = nil
    ) {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.errno = CInt(errno.magnitude)
        self.advice = advice ?? Self.advice(for: self.errno, at: code) ?? code.advice
    }

    /// In words, for logs and reports.
    public var description: String {
        let target = subject.isEmpty ? "" : " " + subject
        let answer = "\(Self.text(of: errno)) (\(Self.name(of: errno)))"
        return "could not \(operation)\(target): \(answer). \(advice) [\(code)]"
    }

    /// The symbolic name of an errno, such as "EMFILE", or the number where it has none.
    public static func name(of errno: CInt) -> String {
        // SAFETY: the C library answers NULL or a constant string that lives for ever.
        unsafe uapi_error_name(errno).map { unsafe String(cString: $0) } ?? "\(errno)"
    }

    /// The C library's English text of an errno, such as "Too many open files".
    public static func text(of errno: CInt) -> String {
        // SAFETY: the C library answers NULL or a constant string that lives for ever.
        unsafe uapi_error_text(errno).map { unsafe String(cString: $0) } ?? "Unknown error"
    }

    /// Advice for the answers that say more than the step that got them.
    private static func advice(for errno: CInt, at code: Code) -> String? {
        switch errno {
        case EMFILE:
            "Raise the limit of open descriptors (ulimit -n, or LimitNOFILE= of the service)."
        case ENFILE:
            "The whole system has no open file left: raise the sysctl fs.file-max."
        case ENOMEM:
            "Free memory, or raise the memory limit of the service or its control group."
        case EACCES where code == .listen || code == .connect:
            "Check owner and mode, and the user and capabilities this process runs with."
        default:
            nil
        }
    }
}

extension HostError {
    /// Passes a shim's answer on when it is not negative, and throws it otherwise.
    package static func check(
        _ answer: CInt,
        _ code: Code,
        _ operation: String,
        _ subject: @autoclosure () -> String
    ) throws(HostError) -> CInt {
        guard answer >= 0 else { throw HostError(code, operation, subject(), errno: answer) }
        return answer
    }
}
