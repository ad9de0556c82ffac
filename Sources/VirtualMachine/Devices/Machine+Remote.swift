import BasicContainers
public import IRQDomains
import InterruptDelivery
import LinuxKernel
import MachineModels
import PCIConfigSpace
import VFIOInterface
import VFIOUserClient
import VFIOUserWire

extension Machine {
    /// Adds a device that another process serves at `socket` (vfio-user).
    ///
    /// All its interrupts have what they need when it returns, or it is not added.
    ///
    /// - Parameters:
    ///   - slot: where on the bus; nil for the first that is free.
    ///   - budget: how many routes it may hold; nil for one for each of its interrupts.
    /// - Returns: its slot.
    @discardableResult
    public func connect(
        _ name: String, slot: Int? = nil, socket: String, budget: VectorBudget? = nil
    ) throws(MachineError) -> Int {
        guard let slot = pci.claim(slot) else { throw .slot(device: name) }
        do throws(MachineError) {
            let device = try makeRemote(name, slot, socket, budget)
            try plug(device, name, slot)
        } catch {
            pci.giveUp(slot)
            throw error
        }
        return slot
    }

    private func makeRemote(
        _ name: String, _ slot: Int, _ socket: String, _ budget: VectorBudget?
    ) throws(MachineError) -> RemoteDevice {
        let client: VFIOUserClient
        let function: RemoteFunction
        let header: ConfigSpace
        do throws(ClientError) {
            client = try VFIOUserClient(path: socket)
            function = try RemoteFunction(client)
            header = try function.header()
            try lendMemory(to: client)
        } catch { throw .client(device: name, error) }
        let breaker: ConnectionBreaker
        do throws(HostError) { breaker = try client.makeBreaker() } catch { throw .host(error) }
        let windows = try windows(of: function, client, name)
        let holder = "\(name) (slot \(slot))"
        let events = try makeEvents(function.messageCount, name, holder, budget)
        let line: RemoteLine?
        do throws(HostError) {
            line = try makeLine(function, slot)
        } catch {
            giveBack(events, holder)
            throw .host(error)
        }
        let state = RemoteDevice.State(
            client, header, breaker, RemoteInterrupts(function, events, parts.router), windows)
        let device = RemoteDevice(
            RemoteDevice.Name(name: name, slot: slot, holder: holder), function, line, parts, state,
            observe: observe)
        do throws(MachineError) {
            try device.live()
        } catch {
            device.remove()
            throw error
        }
        return device
    }

    private func lendMemory(to client: VFIOUserClient) throws(ClientError) {
        for part in parts.memory.parts {
            let request = DMAMapRequest(
                flags: [.read, .write], fileOffset: part.offset,
                addresses: part.addresses.lowerBound...part.addresses.upperBound - 1)
            try client.map(request, descriptor: parts.memory.file.raw)
        }
    }

    private func windows(
        of function: RemoteFunction, _ client: VFIOUserClient, _ name: String
    ) throws(MachineError) -> UniqueArray<MappedWindow> {
        var windows = UniqueArray<MappedWindow>()
        for bar in function.bars where bar.space != .io {
            do throws(ClientError) {
                // What the server could make shorter would end the processor that reads it.
                guard
                    let (memory, offered) = try client.mapRegion(
                        .bar(bar.index), onlySealed: true)
                else { continue }
                let areas = MappedWindow.areas(
                    offered, bar: bar.index, size: min(memory.length, Int(clamping: bar.size)),
                    function)
                for area in areas {
                    windows.append(MappedWindow(bar: bar.index, memory, area, parts))
                }
            } catch { throw .client(device: name, error) }
        }
        return windows
    }

    private func makeEvents(
        _ count: Int, _ name: String, _ holder: String, _ budget: VectorBudget?
    ) throws(MachineError) -> [RoutedEvent] {
        let pool = parts.router.table.pool
        var events: [RoutedEvent] = []
        do throws(VectorRefusal) {
            let promised =
                parts.router.table.overcommits ? VectorBudget(guarantee: 0, limit: count) : nil
            let wanted = budget ?? promised ?? VectorBudget(whole: count)
            do throws(VectorRefusal) {
                try pool.admit(holder, wanted)
            } catch {
                // What a device before has left may wait for the kernel to let go of it.
                while parts.router.release(atMost: 64) {}
                try pool.admit(holder, wanted)
            }
        } catch { throw .vectors(device: name, error) }
        for _ in 0..<count {
            let event: EventFD
            do throws(HostError) {
                event = try EventFD()
            } catch {
                giveBack(events, holder)
                throw .host(error)
            }
            do throws(VectorRefusal) {
                events.append(
                    try parts.router.makeEvent(event, for: holder, mayBeCarried: budget != nil))
            } catch {
                giveBack(events, holder)
                throw .vectors(device: name, error)
            }
        }
        let figures = pool.figures
        if figures.expected * 10 > figures.capacity * 9 {
            observe(
                .routesNearLimit(expected: figures.expected, capacity: figures.capacity))
        }
        return events
    }

    private func giveBack(_ events: [RoutedEvent], _ holder: String) {
        parts.router.retire(events)
        parts.router.table.pool.dismiss(holder)
    }

    private func makeLine(_ function: RemoteFunction, _ slot: Int) throws(HostError) -> RemoteLine?
    {
        guard function.interruptPin > 0 else { return nil }
        return try RemoteLine(
            pin: MachineLayout.pin(slot: slot, interruptPin: function.interruptPin), slot: slot,
            parts)
    }
}
