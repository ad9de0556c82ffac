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
            _ = perform(Member(run.descriptor), in: context, into: &ended)
            return true
        }
        return advanceBatch(&run, in: context, into: &ended)
    }

    private mutating func advanceBatch(
        _ run: inout DescriptorRun, in context: WorkContext, into ended: inout [WorkEnded]
    ) -> Bool {
        let batch = run.descriptor
        if run.done == 0 {
            guard context.admits(batch, in: batch) else {
                return end(
                    Member(batch), DSACompletion(.interruptHandle), in: context, into: &ended)
            }
            if let fault = context.limits.capabilities.fault(of: batch) {
                let completion = context.limits.capabilities.refusal(of: batch, fault)
                return end(Member(batch), completion, in: context, into: &ended)
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
            return end(Member(batch), completion, in: context, into: &ended)
        }
        let inner = bytes.withRawSpan { DSADescriptor($0) }
        let isCutOff = inner.flags.contains(.fence) && run.hasFailed
        if !isCutOff {
            let member = Member(inner, of: batch, at: Int(run.done))
            let status = perform(member, in: context, into: &ended)
            if status != .success { run.hasFailed = true }
            run.done += 1
        }
        guard isCutOff || run.done == batch.transferSize else { return false }
        var completion = DSACompletion(run.hasFailed ? .batchError : .success)
        completion.bytesCompleted = run.done
        return end(Member(batch), completion, in: context, into: &ended)
    }

    /// A descriptor alone, or one of a batch.
    private struct Member {
        let descriptor: DSADescriptor
        /// The batch, or the descriptor itself.
        let outer: DSADescriptor
        /// Its place in the batch.
        let place: Int?

        init(_ descriptor: DSADescriptor) {
            self.descriptor = descriptor
            outer = descriptor
            place = nil
        }

        init(_ descriptor: DSADescriptor, of batch: DSADescriptor, at place: Int) {
            self.descriptor = descriptor
            outer = batch
            self.place = place
        }
    }

    /// Carries out a descriptor that is no batch, alone or in one.
    private mutating func perform(
        _ member: Member, in context: WorkContext, into ended: inout [WorkEnded]
    ) -> DSAStatus {
        let descriptor = member.descriptor
        let completion =
            if !context.admits(descriptor, in: member.outer) {
                DSACompletion(.interruptHandle)
            } else if member.place != nil, descriptor.opcode == .batch {
                DSACompletion(.opcode)
            } else {
                executor.perform(
                    descriptor, in: context.memory, as: context.limits.capabilities)
            }
        _ = end(member, completion, in: context, into: &ended)
        return completion.status
    }

    /// Writes the completion record, and has the interrupt or the error told. Returns true.
    private func end(
        _ member: Member, _ completion: DSACompletion, in context: WorkContext,
        into ended: inout [WorkEnded]
    ) -> Bool {
        let descriptor = member.descriptor
        let isSilent =
            completion.status == .success && !descriptor.flags.contains(.requestCompletionRecord)
        let isDone = !isSilent && write(completion, of: descriptor, in: context.memory)
        if !isSilent, !isDone {
            ended.append(.error(context.error(completion, of: descriptor, at: member.place)))
        }
        if descriptor.flags.contains(.requestCompletionInterrupt),
            let vector = context.vector(of: descriptor, in: member.outer)
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
    /// The vector of a descriptor's interrupt handle, as far as that is one for `outer`: the
    /// descriptor itself, or the batch whose address space it shares.
    fileprivate func vector(of descriptor: DSADescriptor, in outer: DSADescriptor) -> Int? {
        handles.vector(descriptor.interruptHandle, for: limits.pasid.host(of: outer))
    }

    /// Whether the descriptor asks for no interrupt, or has a handle for one.
    fileprivate func admits(_ descriptor: DSADescriptor, in outer: DSADescriptor) -> Bool {
        !descriptor.flags.contains(.requestCompletionInterrupt)
            || vector(of: descriptor, in: outer) != nil
    }

    fileprivate func error(
        _ completion: DSACompletion, of descriptor: DSADescriptor, at place: Int?
    ) -> SoftwareError {
        // Without a place for the record, what keeps it from being written is the error.
        let isLost = completion.status == .success || completion.status == .falsePredicate
        let code = isLost ? DSAStatus.completionTranslation : completion.status
        var error = SoftwareError(
            code: code.rawValue, queue: queue, operation: descriptor.opcodeByte)
        error.batchIndex = place
        error.address = completion.faultAddress
        error.isWrite = completion.isWriteFault
        return error
    }
}
