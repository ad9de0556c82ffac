public import PlatformTypes
import Registers

/// One descriptor on its way, and how far its batch has come if it is one.
public struct DescriptorRun: Hashable, Sendable {
    /// The descriptor.
    public let descriptor: DSADescriptor
    /// Descriptors of the batch that have ended.
    var done: UInt32 = 0
    /// Whether one of them has not ended with success.
    var hasFailed = false

    /// A descriptor that has not begun.
    public init(_ descriptor: DSADescriptor) { self.descriptor = descriptor }
}

/// What descriptors of one queue run with.
public struct WorkContext: Sendable {
    /// The guest's memory.
    public var memory: any ThreadMemory
    /// What interrupt handles stand for.
    public var handles: InterruptHandles
    /// What can be asked for.
    public var limits: WorkLimits
    /// The queue's number.
    public var queue: Int

    /// A context of these parts.
    public init(
        memory: any ThreadMemory, handles: InterruptHandles, limits: WorkLimits, queue: Int
    ) {
        self.memory = memory
        self.handles = handles
        self.limits = limits
        self.queue = queue
    }
}

/// An engine: carries descriptors out one after the other, with memory of its own.
public struct DescriptorRunner: ~Copyable {
    private var executor = DSAExecutor()

    /// An engine that has done nothing.
    public init() {}

    /// Goes on with `run`: one descriptor of a batch, or all of any other. Returns whether it has
    /// ended; what is to be told comes to the end of `ended`.
    public mutating func advance(
        _ run: inout DescriptorRun, in context: WorkContext, into ended: inout [WorkEnded]
    ) -> Bool {
        guard run.descriptor.opcode == .batch else {
            _ = perform(run.descriptor, nil, in: context, into: &ended)
            return true
        }
        return advanceBatch(&run, in: context, into: &ended)
    }

    private mutating func advanceBatch(
        _ run: inout DescriptorRun, in context: WorkContext, into ended: inout [WorkEnded]
    ) -> Bool {
        let batch = run.descriptor
        if run.done == 0 {
            guard context.admits(batch) else {
                return end(batch, DSACompletion(.interruptHandle), nil, in: context, into: &ended)
            }
            if let fault = context.limits.capabilities.fault(of: batch) {
                return end(batch, DSACompletion(fault), nil, in: context, into: &ended)
            }
        }
        var bytes: [64 of UInt8] = .init(repeating: 0)
        let address = batch.source &+ UInt64(run.done) * UInt64(DSALayout.descriptorBytes)
        do throws(DMAFault) {
            try bytes.withMutableRawSpan { span throws(DMAFault) in
                try context.memory.copyIn(from: IOVA(address), into: &span)
            }
        } catch {
            var completion = DSACompletion(.batchPageFault)
            completion.faultAddress = address
            completion.bytesCompleted = run.done
            return end(batch, completion, nil, in: context, into: &ended)
        }
        let inner = bytes.withRawSpan { DSADescriptor($0) }
        let isCutOff = inner.flags.contains(.fence) && run.hasFailed
        if !isCutOff {
            let status = perform(inner, Int(run.done), in: context, into: &ended)
            if status != .success { run.hasFailed = true }
            run.done += 1
        }
        guard isCutOff || run.done == batch.transferSize else { return false }
        var completion = DSACompletion(run.hasFailed ? .batchError : .success)
        completion.bytesCompleted = run.done
        return end(batch, completion, nil, in: context, into: &ended)
    }

    /// Carries out a descriptor that is no batch, alone or at `place` of one.
    private mutating func perform(
        _ descriptor: DSADescriptor, _ place: Int?, in context: WorkContext,
        into ended: inout [WorkEnded]
    ) -> DSAStatus {
        let completion =
            if !context.admits(descriptor) {
                DSACompletion(.interruptHandle)
            } else if place != nil, descriptor.opcode == .batch {
                DSACompletion(.opcode)
            } else {
                executor.perform(
                    descriptor, in: context.memory, as: context.limits.capabilities)
            }
        _ = end(descriptor, completion, place, in: context, into: &ended)
        return completion.status
    }

    /// Writes the completion record, and has the interrupt or the error told. Returns true.
    private func end(
        _ descriptor: DSADescriptor, _ completion: DSACompletion, _ place: Int?,
        in context: WorkContext, into ended: inout [WorkEnded]
    ) -> Bool {
        let isSilent =
            completion.status == .success && !descriptor.flags.contains(.requestCompletionRecord)
        let isDone = !isSilent && write(completion, of: descriptor, in: context.memory)
        if !isSilent, !isDone {
            ended.append(.error(context.error(completion, of: descriptor, at: place)))
        }
        if descriptor.flags.contains(.requestCompletionInterrupt),
            let vector = context.vector(of: descriptor)
        {
            ended.append(.interrupt(vector: vector))
        }
        return true
    }

    /// Returns false if there is no place for the record.
    private func write(
        _ completion: DSACompletion, of descriptor: DSADescriptor, in memory: any ThreadMemory
    ) -> Bool {
        let address = descriptor.completionAddress
        guard descriptor.flags.contains(.completionAddressValid),
            address.rawValue % UInt64(DSACompletion.bytes) == 0
        else { return false }
        var bytes: [32 of UInt8] = .init(repeating: 0)
        bytes.withMutableRawSpan { completion.encode(into: &$0) }
        do throws(DMAFault) {
            // The status, by which a driver sees that there is a record, comes last.
            try bytes.withRawSpan { span throws(DMAFault) in
                try memory.copyOut(span.extracting(8..<32), to: IOVA(address.rawValue + 8))
                try memory.copyOut(span.extracting(0..<8), to: address)
            }
            return true
        } catch { return false }
    }
}

extension WorkContext {
    fileprivate func vector(of descriptor: DSADescriptor) -> Int? {
        handles.vector(descriptor.interruptHandle, for: pasid(of: descriptor))
    }

    /// The PASID of a dedicated queue's descriptors is the queue's.
    private func pasid(of descriptor: DSADescriptor) -> UInt32? { limits.pasid }

    /// Whether the descriptor asks for no interrupt, or has a handle for one.
    fileprivate func admits(_ descriptor: DSADescriptor) -> Bool {
        !descriptor.flags.contains(.requestCompletionInterrupt) || vector(of: descriptor) != nil
    }

    fileprivate func error(
        _ completion: DSACompletion, of descriptor: DSADescriptor, at place: Int?
    ) -> SoftwareError {
        var error = SoftwareError(
            code: completion.status.rawValue, queue: queue, operation: descriptor.opcodeByte)
        error.batchIndex = place
        error.address = completion.faultAddress
        error.isWrite = completion.isWriteFault
        return error
    }
}
