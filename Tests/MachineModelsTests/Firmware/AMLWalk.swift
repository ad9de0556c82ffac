/// Reads machine code of the few kinds that a description of devices has, by the grammar of
/// ACPI 6.5 §20.2, and keeps what it finds by its full name.
struct AMLWalk {
    /// A value of a `Name`.
    indirect enum Value: Hashable {
        case integer(UInt64)
        case string(String)
        case buffer([UInt8])
        case package([Value])
        case reference(String)
    }

    /// What is not by the grammar.
    struct Malformed: Error {
        let offset: Int
    }

    private(set) var values: [String: Value] = [:]
    private(set) var devices: [String] = []
    private(set) var methods: [String: UInt8] = [:]
    private let bytes: [UInt8]
    private var at = 0

    /// Walks all of `code`.
    init(_ code: [UInt8]) throws {
        bytes = code
        try terms(upTo: bytes.count, in: "")
    }

    private mutating func terms(upTo end: Int, in scope: String) throws {
        while at < end { try term(in: scope) }
        guard at == end else { throw Malformed(offset: at) }
    }

    private mutating func term(in scope: String) throws {
        switch try next() {
        case 0x08:
            let name = try full(scope)
            guard values[name] == nil else { throw Malformed(offset: at) }
            values[name] = try value()
        case 0x10:
            let end = try length()
            try terms(upTo: end, in: full(scope))
        case 0x14:
            let end = try length()
            methods[try full(scope)] = try next()
            guard at == end else { throw Malformed(offset: at) }
        case 0x5b:
            guard try next() == 0x82 else { throw Malformed(offset: at) }
            let end = try length()
            let name = try full(scope)
            guard !devices.contains(name) else { throw Malformed(offset: at) }
            devices.append(name)
            try terms(upTo: end, in: name)
        default: throw Malformed(offset: at)
        }
    }

    private mutating func value() throws -> Value {
        switch try next() {
        case 0x00: return .integer(0)
        case 0x01: return .integer(1)
        case 0x0a: return try .integer(integer(1))
        case 0x0b: return try .integer(integer(2))
        case 0x0c: return try .integer(integer(4))
        case 0x0e: return try .integer(integer(8))
        case 0x0d:
            var text = ""
            while case let byte = try next(), byte != 0 {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            }
            return .string(text)
        case 0x11:
            let end = try length()
            guard case .integer(let count) = try value(), at + Int(count) == end else {
                throw Malformed(offset: at)
            }
            defer { at = end }
            return .buffer(Array(bytes[at..<end]))
        case 0x12:
            let end = try length()
            let count = try next()
            let elements = try (0..<count).map { _ in try value() }
            guard at == end else { throw Malformed(offset: at) }
            return .package(elements)
        default:
            at -= 1
            return try .reference(name())
        }
    }

    private mutating func next() throws -> UInt8 {
        guard at < bytes.count else { throw Malformed(offset: at) }
        at += 1
        return bytes[at - 1]
    }

    private mutating func integer(_ count: Int) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= try UInt64(next()) << (8 * index) }
        return value
    }

    /// The end of the package whose length stands here.
    private mutating func length() throws -> Int {
        let start = at
        let lead = try next()
        let more = Int(lead >> 6)
        let rest = try Int(integer(more))
        let end = start + (more == 0 ? Int(lead & 0x3f) : Int(lead & 0xf) | rest << 4)
        guard end <= bytes.count, end > start + more else { throw Malformed(offset: start) }
        return end
    }

    private mutating func full(_ scope: String) throws -> String {
        let name = try name()
        return name.hasPrefix("\\") ? name : scope + "." + name
    }

    private mutating func name() throws -> String {
        var prefix = ""
        if bytes[at] == 0x5c {
            prefix = "\\"
            at += 1
        }
        var count = 1
        switch bytes[at] {
        case 0x2e:
            count = 2
            at += 1
        case 0x2f:
            count = Int(bytes[at + 1])
            at += 2
        default: break
        }
        let segments = try (0..<count).map { _ in
            try String(decoding: (0..<4).map { _ in try next() }, as: UTF8.self)
        }
        let isName = segments.joined().allSatisfy { $0.isUppercase || $0.isNumber || $0 == "_" }
        guard isName else { throw Malformed(offset: at) }
        return prefix + segments.joined(separator: ".")
    }
}
