public import LinuxKernel
public import VFIOUserServer

/// Where definitions are kept.
public protocol DefinitionKeeper: Sendable {
    /// Keeps `definition` as that of `key`, in place of the one that was there. Durable when it
    /// returns; on an error what was there stays.
    func keep(_ definition: InstanceDefinition, of key: DefinitionKey) throws(HostError)

    /// Forgets the definition of `key`. Durable when it returns.
    func forget(_ key: DefinitionKey) throws(HostError)
}

/// One slice on its way to being offered.
public struct InstanceOffer: Sendable {
    /// The slice.
    public let id: InstanceID
    /// The name under which its server and its parent's books know it: the UUID.
    public var name: String { id.description }
    /// Its parent.
    public let parent: MediatedParent
    /// Its type.
    public let type: InstanceType
    /// Its attributes, in the order in which they are set.
    public let attributes: [InstanceDefinition.Attribute]
}

/// Who knows the devices behind types.
public protocol DeviceCatalog: Sendable {
    /// Throws `RegistryError.attribute` for the first attribute that an instance of `type` cannot
    /// have.
    func check(
        _ attributes: [InstanceDefinition.Attribute], of type: InstanceType
    ) throws(RegistryError)

    /// Offers the device of `offer`, or throws and leaves nothing of it.
    func serve(_ offer: InstanceOffer) async throws(VFIOUserServer.PlacementError)

    /// Ends the offer. Returns whether it is gone now; otherwise it goes with its client, and
    /// `later` is called once it has gone.
    func withdraw(
        _ id: InstanceID, _ manner: VFIOUserServer.WithdrawalManner,
        later: @escaping @Sendable () -> Void
    ) async throws(VFIOUserServer.WithdrawalError) -> Bool
}
