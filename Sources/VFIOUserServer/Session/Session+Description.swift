import DeviceModels
import PCIConfigSpace
import Registers
import VFIOInterface
import VFIOUserWire

/// What the client asks before it uses the device: version, device, regions, interrupts.
extension Session {
    func negotiate(
        _ header: MessageHeader, _ payload: RawSpan, into output: inout [UInt8]
    ) throws(RequestRefusal) {
        guard agreement == nil else {
            throw RequestRefusal(.invalidArgument, "version-agreed-already")
        }
        var own = VersionCapabilities()
        own.maxMessageFDs = UInt64(WireLimits.maxMessageFDs)
        own.maxDataTransferSize = UInt64(limits.transferBytes)
        own.maxDMAMaps = UInt64(limits.regionsPerClient)
        own.writeMultiple = true
        if limits.asksForMemory { own.twinSocket = .init(supported: true, fdIndex: 0) }
        switch VersionNegotiation(own: own, limits: wire).answer(payload) {
        case .agreed(let agreement, let reply):
            self.agreement = agreement
            Reply.append(to: header, into: &output) { $0.append(contentsOf: reply) }
            device.client?.profile = agreement.profile.name
            observe(.negotiated(device: device.name, profile: agreement.profile.name))
        case .refused(let violation):
            throw RequestRefusal(.invalidArgument, violation.name)
        }
    }

    func describeDevice(_ header: MessageHeader, into output: inout [UInt8]) {
        let info = DeviceInfo(
            flags: [.reset, .pci], regionCount: UInt32(RegionIndex.allCases.count),
            irqIndexCount: UInt32(IRQIndex.allCases.count))
        Reply.append(to: header, into: &output) { info.encode(into: &$0) }
    }

    func describeRegion(
        _ ask: GetRegionInfoRequest, _ header: MessageHeader, into output: inout [UInt8]
    ) {
        let size = regionSize(ask.index)
        var info = RegionInfo(
            index: ask.index, flags: size > 0 ? [.read, .write] : [], size: UInt64(size))
        guard let mappable = device.endpoint.model.mappableBAR,
            ask.index.barNumber == mappable.bar
        else {
            Reply.append(to: header, into: &output) { info.encode(into: &$0, argsz: ask.argsz) }
            return
        }
        info.flags.insert(.mmap)
        info.capabilities = [
            .sparseMmap(
                mappable.areas.map {
                    SparseMmapArea(offset: UInt64($0.lowerBound), size: UInt64($0.count))
                })
        ]
        var isComplete = false
        Reply.append(to: header, into: &output) {
            isComplete = info.encode(into: &$0, argsz: ask.argsz)
        }
        if isComplete { passed = mappable.file }
    }

    /// No region has parts that a client could serve by a descriptor of its own.
    func describeSubregions(
        _ ask: GetRegionIOFDsRequest, _ header: MessageHeader, into output: inout [UInt8]
    ) {
        let reply = GetRegionIOFDsReply(index: ask.index, subregions: [])
        Reply.append(to: header, into: &output) { reply.encode(into: &$0, available: ask.argsz) }
    }

    func describeIRQ(
        _ ask: GetIRQInfoRequest, _ header: MessageHeader, into output: inout [UInt8]
    ) {
        let flags: IRQInfoFlags =
            switch ask.index {
            case .intx: [.eventfd, .maskable, .automasked]
            case .msix, .msi: [.eventfd, .maskable]
            case .error, .request: [.eventfd, .noresize]
            }
        let count = irqCounts[ask.index]
        let info = IRQInfo(index: ask.index, flags: count > 0 ? flags : [], count: count)
        Reply.append(to: header, into: &output) { info.encode(into: &$0) }
    }

    /// Bytes of a region; zero if it is absent.
    func regionSize(_ index: RegionIndex) -> Int {
        device.regionSizes[Int(index.rawValue)]
    }
}
