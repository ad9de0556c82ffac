import IRQDomains
import MessageSignaledInterrupts
import PlatformTypes

/// Commands of the driver.
extension DSAFunction {
    func isEnabled(_ queue: Int) -> Bool { enabledQueues >> UInt32(queue) & 1 != 0 }

    /// The command register is written: bits 0 to 19 an operand, 20 to 24 the command, 31 whether
    /// its end interrupts. While another command has not ended nothing happens.
    mutating func begin(_ value: UInt32, on bus: inout DeviceBus) {
        guard waiting == nil else { return }
        // What was submitted before the command is there before it.
        pollPortals(on: &bus)
        defer { pollPortals(on: &bus) }
        let interrupts = value >> 31 != 0
        do throws(DSACommandError) {
            guard let command = DSACommand(rawValue: value >> 20 & 0x1f) else {
                throw .invalidCommand
            }
            let queues = try perform(command, value & 0xf_ffff, interrupts, on: &bus)
            if let queues {
                waiting = WaitingCommand(
                    command: command, interrupts: interrupts, queues: queues)
                commandStatus = 1 << 31
                _ = endWaitingCommand(on: &bus)
            }
        } catch { end(error.rawValue, interrupts, on: &bus) }
    }

    /// Ends a command that succeeds.
    private mutating func succeed(
        _ interrupts: Bool, result: UInt16 = 0, on bus: inout DeviceBus
    ) -> UInt32? {
        end(UInt32(result) << 8, interrupts, on: &bus)
        return nil
    }

    private mutating func end(_ status: UInt32, _ interrupts: Bool, on bus: inout DeviceBus) {
        commandStatus = status
        if interrupts { interrupt(for: DSACause.commandDone, on: &bus) }
    }

    /// Does what a command says. Returns the queues for which its end waits, or nil if it has
    /// ended.
    private mutating func perform(
        _ command: DSACommand, _ operand: UInt32, _ interrupts: Bool, on bus: inout DeviceBus
    ) throws(DSACommandError) -> UInt32? {
        guard state != .halted || command == .resetDevice else { throw .hardware }
        switch command {
        case .enableDevice: try enableDevice(on: bus)
        case .disableDevice:
            guard state == .enabled else { throw .nothingToDisable }
            state = .draining
            return enabledQueues
        case .drainAll: return try enabled(enabledQueues)
        case .abortAll: drop(try enabled(enabledQueues))
        case .resetDevice: resetDevice(on: &bus)
        case .enableQueue: try enable(queue: operand)
        case .disableQueue, .drainQueue: return try named(operand)
        case .abortQueue: drop(try named(operand))
        case .resetQueue:
            let queues = try named(operand)
            close(queues)
            for queue in 0..<configuration.queues where queues >> UInt32(queue) & 1 != 0 {
                tables.reset(queue: queue)
            }
        case .drainPASID: return try enabled(queues(ofPASID: operand))
        case .abortPASID: drop(try enabled(queues(ofPASID: operand)))
        case .requestInterruptHandle:
            return succeed(interrupts, result: try requestHandle(operand, on: &bus), on: &bus)
        case .releaseInterruptHandle: try releaseHandle(operand, on: &bus)
        }
        return succeed(interrupts, on: &bus)
    }

    /// Ends the command that waits if its queues are idle. Returns whether it has.
    mutating func endWaitingCommand(on bus: inout DeviceBus) -> Bool {
        guard let command = waiting else { return false }
        for queue in 0..<configuration.queues where command.queues >> UInt32(queue) & 1 != 0 {
            guard engines.isIdle(queue) else { return false }
        }
        // What has ended is told before the command that waited for it.
        takeEnded(on: &bus)
        waiting = nil
        switch command.command {
        case .disableDevice:
            close(command.queues)
            state = .disabled
        case .disableQueue: close(command.queues)
        default: break
        }
        end(0, command.interrupts, on: &bus)
        return true
    }

    // MARK: The device

    private mutating func enableDevice(on bus: borrowing DeviceBus) throws(DSACommandError) {
        guard state == .disabled else { throw .deviceEnabled }
        guard bus.isBusMaster else { throw .busMasterDisabled }
        let queues = (0..<configuration.queues).filter { tables.size(of: $0) != 0 }
        let entries = queues.reduce(0) { $0 + tables.size(of: $1) }
        guard entries <= configuration.entries * configuration.queues else { throw .queueSizes }
        let existing = UInt64(1 << configuration.queues) - 1
        guard tables.groupQueues & ~existing == 0, !tables.hasFurtherQueues,
            queues.allSatisfy({ tables.groupQueues >> UInt64($0) & 1 != 0 })
        else { throw .queueGroups }
        guard tables.groupEngineBits >> UInt64(configuration.engines) == 0 else {
            throw .engineGroups
        }
        guard queues.isEmpty || tables.groupEngineBits != 0 else { throw .groupMembers }
        guard tables.reservedReadBuffers <= Int(Self.readBuffers) else { throw .readBuffers }
        state = .enabled
    }

    /// Everything that runs ends, and the driver has to set everything up anew.
    mutating func resetDevice(on bus: inout DeviceBus) {
        close((1 << UInt32(configuration.queues)) - 1)
        takeEnded(on: &bus)
        waiting = nil
        mustRetry = 0
        for index in portals.indices { portals[index] = nil }
        tables.reset()
        for vector in 1..<configuration.vectors { giveBackHandle(of: vector, on: &bus) }
        state = .disabled
        engines.pause()
        engines.resume(bus.memoryForThreads, handles)
    }

    // MARK: Queues

    private func enabled(_ queues: UInt32) throws(DSACommandError) -> UInt32 {
        guard state == .enabled else { throw .notEnabled }
        return queues
    }

    /// The enabled queues that an operand names: a bit each in bits 0 to 15, of the block of 16
    /// that the bits above say.
    private func named(_ operand: UInt32) throws(DSACommandError) -> UInt32 {
        let queues = operand & 0xffff
        guard operand >> 16 == 0, queues >> UInt32(configuration.queues) == 0 else {
            throw .invalidQueue
        }
        guard state == .enabled else { throw .notEnabled }
        guard queues & ~enabledQueues == 0 else { throw .notEnabled }
        return queues
    }

    private func queues(ofPASID value: UInt32) -> UInt32 {
        (0..<configuration.queues).reduce(0) { queues, queue in
            isEnabled(queue) && tables.pasid(of: queue)?.rawValue == value
                ? queues | 1 << UInt32(queue) : queues
        }
    }

    private mutating func enable(queue operand: UInt32) throws(DSACommandError) {
        guard operand < configuration.queues else { throw .invalidQueue }
        let queue = Int(operand)
        guard state == .enabled else { throw .deviceNotEnabled }
        guard !isEnabled(queue) else { throw .queueEnabled }
        let entries = tables.size(of: queue)
        guard entries != 0 else { throw .queueSize }
        guard tables.priority(of: queue) != 0 else { throw .queuePriority }
        guard tables.isDedicated(queue) == (configuration.mode == .dedicated) else {
            throw .queueMode
        }
        guard !tables.blocksOnFault(queue) || capabilities.blockOnFault else {
            throw .blockOnFault
        }
        let pasid = try pasid(of: queue)
        var limits = capabilities
        guard tables.batchShift(of: queue) <= DSACapabilities.maximumBatchShift else {
            throw .batchSize
        }
        guard tables.transferShift(of: queue) <= DSACapabilities.maximumTransferShift else {
            throw .transferSize
        }
        limits.maximumBatchSize = 1 << UInt32(tables.batchShift(of: queue))
        limits.maximumTransferBytes = 1 << UInt32(tables.transferShift(of: queue))
        limits.blockOnFault = tables.blocksOnFault(queue)
        forgetStored(for: queue)
        engines.open(
            queue,
            WorkLimits(
                entries: entries, priority: tables.priority(of: queue), capabilities: limits,
                pasid: pasid))
        enabledQueues |= 1 << UInt32(queue)
    }

    /// A shared queue takes descriptors of several address spaces, so that each names its own.
    private func pasid(of queue: Int) throws(DSACommandError) -> QueuePASID {
        guard let guest = tables.pasid(of: queue) else {
            guard configuration.mode == .dedicated else { throw .pasidEnable }
            return .none
        }
        guard configuration.mode == .dedicated else {
            return .descriptor(configuration.translation)
        }
        guard let host = configuration.translation.host(for: guest) else { throw .pasidEnable }
        return .queue(host.rawValue)
    }

    private mutating func close(_ queues: UInt32) {
        let closing = queues & enabledQueues
        for queue in 0..<configuration.queues where closing >> UInt32(queue) & 1 != 0 {
            counts.dropped &+= UInt64(engines.close(queue))
            enabledQueues &= ~(1 << UInt32(queue))
            mustRetry &= ~(1 << UInt32(queue))
        }
    }

    private mutating func drop(_ queues: UInt32) {
        for queue in 0..<configuration.queues where queues >> UInt32(queue) & 1 != 0 {
            counts.dropped &+= UInt64(engines.drop(queue))
        }
    }

    // MARK: Interrupt handles

    private static var storeBit: UInt32 { 1 << 16 }
    /// What drivers have in place of a handle that they have not got.
    private static var noHandle: UInt32 { 0xffff }

    private mutating func requestHandle(
        _ operand: UInt32, on bus: inout DeviceBus
    ) throws(DSACommandError) -> UInt16 {
        guard operand & Self.storeBit == 0 else { throw .noHandle }
        let vector = Int(operand & 0xffff)
        guard (1..<configuration.vectors).contains(vector), let index = VectorIndex(vector) else {
            throw .invalidInterruptIndex
        }
        let permission = permission(of: vector)
        guard permission != .nobody else { throw .invalidInterruptIndex }
        if let handle = handles.handle(of: vector) { return handle }
        guard bus.interrupts.reserve(index) else { throw .noHandle }
        let handle = revocations << 11 | bus.interrupts.number(of: index)
        handles.set(vector, handle, permission)
        engines.pause()
        engines.resume(bus.memoryForThreads, handles)
        return handle
    }

    private mutating func releaseHandle(
        _ operand: UInt32, on bus: inout DeviceBus
    ) throws(DSACommandError) {
        guard operand != Self.noHandle else { return }
        guard operand & Self.storeBit == 0,
            let vector = handles.owner(of: UInt16(truncatingIfNeeded: operand))
        else { throw .invalidInterruptIndex }
        engines.pause()
        takeEnded(on: &bus)
        giveBackHandle(of: vector, on: &bus)
        engines.resume(bus.memoryForThreads, handles)
    }
}

extension DeviceInterrupts {
    /// The number of the parent's slot, message or entry behind `vector`, below 2048; where the
    /// parent is a program, that of the vector.
    func number(of vector: VectorIndex) -> UInt16 {
        let number = hostInterrupt(vector)?.source?.number ?? vector.index
        return UInt16(truncatingIfNeeded: number)
    }
}
