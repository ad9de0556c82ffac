/// What fuzzers do with the bytes that they make up: each target turns them into stimuli and looks
/// for a law that breaks. A trap is a finding too.
///
/// The same targets replay regression files in the tests.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Everything that a peer can send, as the codec reads it.
    case codec
    /// A client's whole conversation with a server, over a socket.
    case session
    /// Accesses to configuration spaces.
    case configSpace = "config-space"
    /// MSI-X against its shadow.
    case msix
    /// MSI against its shadow.
    case msi
    /// A function with all its mechanisms against its shadow.
    case function
    /// Interrupt message stores against their shadow.
    case ims
    /// Maps, unmaps and accesses of a client's memory against a list of ranges.
    case dmaMap = "dma-map"
    /// A defect on purpose: a fuzzer that does not find it finds nothing.
    case canary

    /// The targets in which a finding is a defect.
    public static var real: [FuzzTarget] { allCases.filter { $0 != .canary } }

    /// Makes what the target needs. Where threads of a pool are few, call it before `run`, which
    /// otherwise waits for it.
    public func prepare() async throws {
        if self == .session { try await FuzzServer.shared?.prepare() }
    }

    /// Does what `bytes` say; returns the law that broke, or nil.
    ///
    /// Call from one thread at a time.
    public func run(_ bytes: [UInt8]) -> String? {
        var input = FuzzInput(bytes)
        return switch self {
        case .codec: CodecFuzzing.run(bytes)
        case .session: SessionFuzzing.run(&input)
        case .configSpace: ConfigSpaceFuzzing.run(&input)
        case .msix: ShadowFuzzing.msix(&input)
        case .msi: ShadowFuzzing.msi(&input)
        case .function: ShadowFuzzing.function(&input)
        case .ims: ShadowFuzzing.ims(&input)
        case .dmaMap: DMAMapFuzzing.run(&input)
        case .canary: Self.canary(bytes)
        }
    }

    private static func canary(_ bytes: [UInt8]) -> String? {
        bytes.starts(with: Array("sing".utf8)) ? "the canary sings" : nil
    }
}
