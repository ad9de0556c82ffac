import AcceleratorEngines
import DeviceModels
import IRQDomains
import VFIOUserServer

/// Answers verbs about accelerators and their slices.
struct AcceleratorDesk: Sendable {
    let server: VFIOUserServer
    let accelerators: [String: Accelerator]
    /// What is offered now.
    let placements: @Sendable () -> [DevicePlacement]

    func answer(_ request: AcceleratorRequest) async -> ControlReply {
        do throws(VFIOUserServer.RevocationError) {
            var document = AcceleratorDocument()
            switch request.action {
            case .queues:
                document.accelerators = accelerators.values
                    .filter { request.name ?? $0.name == $0.name }.sorted { $0.name < $1.name }
                    .map { AcceleratorDocument.Entry($0) }
                if document.accelerators.isEmpty, let name = request.name {
                    return Self.noSuchAccelerator(name)
                }
            case .revoke:
                let name = request.name ?? ""
                let count = try await server.revokeInterrupts(of: name, limit: request.limit)
                document.revoked = [.init(slice: name, handles: count)]
            case .compact, .reset:
                guard let parent = request.name, accelerators[parent] != nil else {
                    return Self.noSuchAccelerator(request.name ?? "")
                }
                document.revoked = try await revoke(
                    slicesOf: parent, onlyBehind: request.action == .compact)
            }
            return ControlReply(accelerator: document)
        } catch { return .failed(error.code, error.sentence) }
    }

    private static func noSuchAccelerator(_ name: String) -> ControlReply {
        .failed("ACCELERATOR-PARENT", "there is no accelerator \(name)")
    }

    /// Revokes the handles of every slice of `parent`, or of those that have a slot behind as many
    /// as are in use.
    private func revoke(
        slicesOf parent: String, onlyBehind: Bool
    ) async throws(VFIOUserServer.RevocationError) -> [AcceleratorDocument.Revoked] {
        let slices = placements().filter { $0.parent.name == parent }
        var revoked: [AcceleratorDocument.Revoked] = []
        for slice in slices {
            let inUse = slice.parent.figures.held
            guard let report = await server.report(of: slice.name) else { continue }
            // The slot of vector 0 stays: no handle stands for it.
            let slots = report.vectors.dropFirst().compactMap { $0.path?.source?.number }
            guard !onlyBehind || slots.contains(where: { $0 >= inUse }) else { continue }
            do throws(VFIOUserServer.RevocationError) {
                let count = try await server.revokeInterrupts(of: slice.name)
                if count > 0 { revoked.append(.init(slice: slice.name, handles: count)) }
            } catch {
                // Devices of other kinds keep what they have, and slices may be gone by now.
                switch error {
                case .cannotBeTold, .noSuchDevice: continue
                case .refused: throw error
                }
            }
        }
        return revoked
    }
}
