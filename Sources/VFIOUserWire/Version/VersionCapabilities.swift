/// Why the JSON text of VERSION is no list of capabilities.
public enum VersionCapabilitiesRefusal: Error, Hashable, Sendable {
    case json(JSONRefusal)
    /// The text is JSON, but no object.
    case notAnObject
    /// A known key has a value of another kind than the specification says.
    case wrongType(VersionCapabilities.Key)

    /// The stable name; it does not change between releases.
    public var name: String {
        switch self {
        case .json(let refusal): refusal.name
        case .notAnObject: "capabilities-not-an-object"
        case .wrongType(let key): "capabilities-wrong-type-\(key.rawValue)"
        }
    }
}

extension VersionCapabilitiesRefusal: CustomStringConvertible {
    /// The rule in words, for logs.
    public var description: String {
        switch self {
        case .json(let refusal): refusal.description
        case .notAnObject: "the JSON text of VERSION is not an object"
        case .wrongType(let key): "the value of \"\(key.rawValue)\" is of the wrong kind"
        }
    }
}

/// What an end of the connection can do (vfio-user, VERSION, "Capabilities").
///
/// Nil means that the key was absent; the properties with `effective` names give the
/// specification's defaults then.
public struct VersionCapabilities: Hashable, Sendable {
    /// The names in the JSON text.
    public enum Key: String, CaseIterable, Hashable, Sendable {
        case capabilities
        case maxMessageFDs = "max_msg_fds"
        case maxDataTransferSize = "max_data_xfer_size"
        case maxDMAMaps = "max_dma_maps"
        case pageSizes = "pgsizes"
        case twinSocket = "twin_socket"
        case supported
        case fdIndex = "fd_index"
        case writeMultiple = "write_multiple"
        case migration
        case pageSize = "pgsize"
        case maxBitmapSize = "max_bitmap_size"
    }

    /// A second socket for the server's commands.
    public struct TwinSocket: Hashable, Sendable {
        /// Whether there can be one.
        public var supported: Bool
        /// In a reply: which descriptor of the message is the socket.
        public var fdIndex: UInt64?

        /// A value of these parts.
        public init(supported: Bool, fdIndex: UInt64? = nil) {
            self.supported = supported
            self.fdIndex = fdIndex
        }
    }

    /// The block of a former migration protocol, still sent by QEMU and the rust crate.
    public struct Migration: Hashable, Sendable {
        /// The page size of dirty bitmaps, in bytes.
        public var pageSize: UInt64?
        /// The largest dirty bitmap, in bytes.
        public var maxBitmapSize: UInt64?

        /// A value of these parts.
        public init(pageSize: UInt64? = nil, maxBitmapSize: UInt64? = nil) {
            self.pageSize = pageSize
            self.maxBitmapSize = maxBitmapSize
        }
    }

    /// Descriptors the sender can receive in one message.
    public var maxMessageFDs: UInt64?
    /// Bytes of data in one message.
    public var maxDataTransferSize: UInt64?
    /// DMA mappings at a time.
    public var maxDMAMaps: UInt64?
    /// The page sizes of DMA mappings, or'ed together.
    public var pageSizes: UInt64?
    /// A second socket for the server's commands.
    public var twinSocket: TwinSocket?
    /// REGION_WRITE_MULTI is understood.
    public var writeMultiple: Bool?
    /// Limits of a former migration protocol.
    public var migration: Migration?

    /// No capability stated.
    public init() {}
}

extension VersionCapabilities {
    /// `maxMessageFDs`, 1 by default.
    public var effectiveMaxMessageFDs: Int { Int(clamping: maxMessageFDs ?? 1) }
    /// `maxDataTransferSize`, 1 MiB by default.
    public var effectiveMaxDataTransferSize: Int {
        maxDataTransferSize.map { Int(clamping: $0) } ?? WireLimits.defaultDataTransferSize
    }
    /// `maxDMAMaps`, 65535 by default.
    public var effectiveMaxDMAMaps: Int { Int(clamping: maxDMAMaps ?? 65535) }
    /// `pageSizes`, 4 KiB only by default.
    public var effectivePageSizes: UInt64 { pageSizes ?? 4096 }
    /// Whether the sender offers a twin socket.
    public var offersTwinSocket: Bool { twinSocket?.supported ?? false }
}

// MARK: - From JSON

extension VersionCapabilities {
    /// Reads the JSON text, without its NUL.
    ///
    /// Unknown keys are ignored, and of a key that comes twice the last counts. A text without
    /// `capabilities` states none.
    public init(parsing text: [UInt8]) throws(VersionCapabilitiesRefusal) {
        let value: JSONValue
        do throws(JSONRefusal) {
            value = try JSONReader.read(text)
        } catch {
            throw .json(error)
        }
        guard case .object = value else { throw .notAnObject }
        guard let list = try Self.object(.capabilities, in: value) else { return }
        maxMessageFDs = try Self.unsigned(.maxMessageFDs, in: list)
        maxDataTransferSize = try Self.unsigned(.maxDataTransferSize, in: list)
        maxDMAMaps = try Self.unsigned(.maxDMAMaps, in: list)
        pageSizes = try Self.unsigned(.pageSizes, in: list)
        writeMultiple = try Self.bool(.writeMultiple, in: list)
        if let twin = try Self.object(.twinSocket, in: list) {
            twinSocket = TwinSocket(
                supported: try Self.bool(.supported, in: twin) ?? false,
                fdIndex: try Self.unsigned(.fdIndex, in: twin),
            )
        }
        if let block = try Self.object(.migration, in: list) {
            migration = Migration(
                pageSize: try Self.unsigned(.pageSize, in: block),
                maxBitmapSize: try Self.unsigned(.maxBitmapSize, in: block),
            )
        }
    }

    private static func object(
        _ key: Key, in value: JSONValue
    ) throws(VersionCapabilitiesRefusal) -> JSONValue? {
        guard let member = value[key.rawValue] else { return nil }
        guard case .object = member else { throw .wrongType(key) }
        return member
    }

    private static func unsigned(
        _ key: Key, in value: JSONValue
    ) throws(VersionCapabilitiesRefusal) -> UInt64? {
        guard let member = value[key.rawValue] else { return nil }
        guard let number = member.unsignedValue else { throw .wrongType(key) }
        return number
    }

    private static func bool(
        _ key: Key, in value: JSONValue
    ) throws(VersionCapabilitiesRefusal) -> Bool? {
        guard let member = value[key.rawValue] else { return nil }
        guard let flag = member.boolValue else { throw .wrongType(key) }
        return flag
    }
}

// MARK: - To JSON

extension VersionCapabilities {
    /// The JSON text, without spaces and without NUL; only stated capabilities are in it.
    public var text: String {
        let twin = twinSocket.map {
            Self.object([(.supported, "\($0.supported)"), (.fdIndex, $0.fdIndex.map(String.init))])
        }
        let block = migration.map {
            Self.object([
                (.pageSize, $0.pageSize.map(String.init)),
                (.maxBitmapSize, $0.maxBitmapSize.map(String.init)),
            ])
        }
        let list = Self.object([
            (.maxMessageFDs, maxMessageFDs.map(String.init)),
            (.maxDataTransferSize, maxDataTransferSize.map(String.init)),
            (.maxDMAMaps, maxDMAMaps.map(String.init)),
            (.pageSizes, pageSizes.map(String.init)),
            (.twinSocket, twin),
            (.writeMultiple, writeMultiple.map { "\($0)" }),
            (.migration, block),
        ])
        return Self.object([(.capabilities, list)])
    }

    private static func object(_ members: [(key: Key, value: String?)]) -> String {
        let written = members.compactMap { member in
            member.value.map { "\"\(member.key.rawValue)\":\($0)" }
        }
        return "{\(written.joined(separator: ","))}"
    }
}
