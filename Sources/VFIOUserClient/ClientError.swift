public import LinuxKernel

/// Why a client's request did not succeed.
public enum ClientError: Error, Sendable, CustomStringConvertible {
    /// The host refused something.
    case host(HostError)
    /// The server answered `request` with an error number.
    case refused(request: String, errno: CInt)
    /// The server answered what it may not.
    case malformedReply(request: String, rule: String)
    /// The server closed the connection while `request` waited.
    case disconnected(request: String)
    /// The device answered, but not as its specification says.
    case device(String)
    /// No answer came in time.
    case timedOut(request: String, milliseconds: Int)

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .host(let error): error.code.description
        case .refused: "CLIENT-REFUSED"
        case .malformedReply: "CLIENT-REPLY"
        case .disconnected: "CLIENT-DISCONNECTED"
        case .device: "CLIENT-DEVICE"
        case .timedOut: "CLIENT-TIMEOUT"
        }
    }

    /// In words, for logs and reports.
    public var description: String {
        switch self {
        case .host(let error): error.description
        case .refused(let request, let errno):
            "the server refused \(request): errno \(errno); its log names the rule [\(code)]"
        case .malformedReply(let request, let rule):
            "the server's reply to \(request) breaks the protocol: \(rule) [\(code)]"
        case .disconnected(let request):
            "the server closed the connection during \(request); its log names the reason [\(code)]"
        case .device(let text):
            "the device does not behave as specified: \(text) [\(code)]"
        case .timedOut(let request, let milliseconds):
            "no reply to \(request) within \(milliseconds) ms; is the server alive? [\(code)]"
        }
    }
}
