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

/// What an instance is to be.
public struct InstanceWish: Hashable, Sendable {
    /// Its parent's name.
    public let parent: String
    /// Its type's name.
    public let type: String
    /// Its attributes, in the order in which they are set.
    public let attributes: [InstanceDefinition.Attribute]
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

    /// What it is to be.
    public var wish: InstanceWish {
        InstanceWish(parent: parent.name, type: type.name, attributes: attributes)
    }
}

/// Who knows the devices behind types.
public protocol DeviceCatalog: Sendable {
    /// The attributes that an instance has if it is asked to have those of `wish`: the same, and
    /// what it must keep to be the same device the next time.
    ///
    /// Throws `RegistryError.attribute` for the first one that an instance of its type cannot have.
    ///
    /// - Parameter others: every other instance of the parent that is defined or active.
    func settle(
        _ wish: InstanceWish, beside others: [InstanceWish]
    ) throws(RegistryError) -> [InstanceDefinition.Attribute]

    /// Removes what an instance that is not active has written down for good, if it has any.
    func forgetContents(of id: InstanceID, _ wish: InstanceWish) throws(HostError)

    /// Offers the device of `offer`, or throws and leaves nothing of it.
    func serve(_ offer: InstanceOffer) async throws(VFIOUserServer.PlacementError)

    /// Ends the offer. Returns whether it is gone now; otherwise it goes with its client, and
    /// `later` is called once it has gone.
    func withdraw(
        _ id: InstanceID, _ manner: VFIOUserServer.WithdrawalManner,
        later: @escaping @Sendable () -> Void
    ) async throws(VFIOUserServer.WithdrawalError) -> Bool
}
