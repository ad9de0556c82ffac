import DeviceModels
import Registers

/// What operations do, byte by byte, to compare with. Their descriptors are well formed.
struct NaiveOperations {
    var pages: GuestPages
    /// What may hold either what was there or what was to come, after a fault.
    private(set) var undecided: (address: UInt64, count: Int)?

    init(_ pages: GuestPages) { self.pages = pages }

    mutating func perform(_ form: DescriptorForm) -> DSACompletion {
        switch form.opcode {
        case 0x03: return move(form)
        case 0x04:
            return forward(form) { pages, index in
                let byte = UInt8(truncatingIfNeeded: form.source >> (index % 8 * 8))
                return pages.store(byte, form.destination &+ index)
                    ? nil : (form.destination &+ index, true)
            }
        case 0x05, 0x06: return compare(form)
        case 0x07: return createDelta(form)
        case 0x08: return applyDelta(form)
        case 0x09: return dualcast(form)
        case 0x10, 0x11: return checksum(form)
        case 0x12...0x15:
            var fields = NaiveIntegrity(form)
            return fields.perform(&pages)
        case 0x20:
            return forward(form) { pages, index in
                pages.byte(form.destination &+ index) == nil
                    ? (form.destination &+ index, false) : nil
            }
        default: return .of(.success, done: 0)
        }
    }

    /// Where an access failed, and whether it was a write.
    typealias Failure = (address: UInt64, isWrite: Bool)

    private mutating func forward(
        _ form: DescriptorForm, _ body: (inout GuestPages, UInt64) -> Failure?
    ) -> DSACompletion {
        for index in 0..<UInt64(form.size) {
            if let failure = body(&pages, index) { return Self.fault(failure, done: Int(index)) }
        }
        return .of(.success, done: Int(form.size))
    }

    private static func fault(_ failure: Failure, done: Int, first: UInt64 = 0) -> DSACompletion {
        .of(
            .pageFault, done: done, fault: failure.address, isWrite: failure.isWrite, first: first)
    }

    private static func copyByte(
        _ pages: inout GuestPages, _ from: UInt64, _ to: UInt64
    ) -> Failure? {
        guard let byte = pages.byte(from) else { return (from, false) }
        return pages.store(byte, to) ? nil : (to, true)
    }

    private mutating func move(_ form: DescriptorForm) -> DSACompletion {
        let distance = form.destination &- form.source
        let isBackwards = distance != 0 && distance < UInt64(form.size)
        var completion = forward(form) { pages, index in
            let place = isBackwards ? UInt64(form.size) - 1 - index : index
            return Self.copyByte(&pages, form.source &+ place, form.destination &+ place)
        }
        if isBackwards, completion.status == .pageFault { completion.result = 1 }
        return completion
    }

    private mutating func dualcast(_ form: DescriptorForm) -> DSACompletion {
        let completion = forward(form) { pages, index in
            Self.copyByte(&pages, form.source &+ index, form.destination &+ index)
                ?? Self.copyByte(&pages, form.source &+ index, form.at40 &+ index)
        }
        if completion.isWriteFault {
            let done = Int(completion.bytesCompleted)
            undecided = (form.destination &+ UInt64(done), Int(form.size) - done)
        }
        return completion
    }

    private func compare(_ form: DescriptorForm) -> DSACompletion {
        var result: UInt8 = 0
        var done = 0
        while done < Int(form.size) {
            let index = UInt64(done)
            guard let left = pages.byte(form.source &+ index) else {
                return Self.fault((form.source &+ index, false), done: done)
            }
            let pattern = UInt8(truncatingIfNeeded: form.destination >> (index % 8 * 8))
            guard
                let right = form.opcode == 6 ? pattern : pages.byte(form.destination &+ index)
            else { return Self.fault((form.destination &+ index, false), done: done) }
            if left != right {
                result = 1
                break
            }
            done += 1
        }
        let isExpected = form.flags & 0x80 == 0 || UInt8(form.at40 & 1) == result
        return .of(isExpected ? .success : .falsePredicate, done: done, result: result)
    }

    private mutating func checksum(_ form: DescriptorForm) -> DSACompletion {
        var seed = UInt32(truncatingIfNeeded: form.at40)
        if form.flags & 0x1_0000 != 0 {
            seed = 0
            for index in 0..<UInt64(4) {
                guard let byte = pages.byte(form.at48 &+ index) else {
                    return Self.fault((form.at48 &+ index, false), done: 0)
                }
                seed |= UInt32(byte) << UInt32(8 * index)
            }
        }
        var crc = NaiveCRC32C(
            seed: seed, isPlain: form.flags & 0x2_0000 != 0,
            isUnreflected: form.flags & 0x4_0000 != 0)
        var completion = forward(form) { pages, index in
            let from = form.source &+ index
            guard let byte = pages.byte(from) else { return (from, false) }
            if form.opcode == 0x11, !pages.store(byte, form.destination &+ index) {
                return (form.destination &+ index, true)
            }
            crc.add(byte)
            return nil
        }
        completion.first = UInt64(crc.value)
        return completion
    }

    private func word(_ address: UInt64) -> (UInt64, Failure?) {
        var value: UInt64 = 0
        for index in 0..<UInt64(8) {
            guard let byte = pages.byte(address &+ index) else {
                return (0, (address &+ index, false))
            }
            value |= UInt64(byte) << (8 * index)
        }
        return (value, nil)
    }

    private mutating func createDelta(_ form: DescriptorForm) -> DSACompletion {
        var record: UInt64 = 0
        var done = 0
        var result: UInt8 = 0
        scan: while done < Int(form.size) {
            let (old, oldFailure) = word(form.source &+ UInt64(done))
            if let oldFailure { return Self.fault(oldFailure, done: done, first: record) }
            let (new, newFailure) = word(form.destination &+ UInt64(done))
            if let newFailure { return Self.fault(newFailure, done: done, first: record) }
            if old != new {
                guard record + 10 <= form.at48 else {
                    result = 2
                    break scan
                }
                var entry: [UInt8] = []
                entry.appendLittleEndian(UInt16(done / 8))
                entry.appendLittleEndian(new)
                for (index, byte) in entry.enumerated() {
                    let to = form.at40 &+ record &+ UInt64(index)
                    guard pages.store(byte, to) else {
                        return Self.fault((to, true), done: done, first: record)
                    }
                }
                record += 10
                result = 1
            }
            done += 8
        }
        let isExpected = form.flags & 0x80 == 0 || form.at56 >> UInt64(result) & 1 != 0
        return .of(
            isExpected ? .success : .falsePredicate, done: done, result: result, first: record)
    }

    private mutating func applyDelta(_ form: DescriptorForm) -> DSACompletion {
        let entries = Int(form.at40 / 10)
        var least = 0
        for entry in 0..<entries {
            var bytes: [UInt8] = []
            for index in 0..<10 {
                let from = form.source &+ UInt64(entry * 10 + index)
                guard let byte = pages.byte(from) else {
                    return Self.fault((from, false), done: entry * 10)
                }
                bytes.append(byte)
            }
            let place = Int(bytes[0]) | Int(bytes[1]) << 8
            if place * 8 + 8 > Int(form.size) { return .of(.deltaOffset, done: entry * 10) }
            if place < least { return .of(.deltaOrder, done: entry * 10) }
            least = place + 1
            for index in 0..<8 {
                let to = form.destination &+ UInt64(place * 8 + index)
                guard pages.store(bytes[2 + index], to) else {
                    return Self.fault((to, true), done: entry * 10)
                }
            }
        }
        return .of(.success, done: entries * 10)
    }
}

/// CRC-32C bit by bit, most significant bit first.
struct NaiveCRC32C {
    private var state: UInt32
    private let isPlain: Bool
    private let isUnreflected: Bool

    init(seed: UInt32, isPlain: Bool = false, isUnreflected: Bool = false) {
        state = isPlain ? seed : Self.mirrored(~seed)
        self.isPlain = isPlain
        self.isUnreflected = isUnreflected
    }

    mutating func add(_ byte: UInt8) {
        for bit in 0..<8 {
            let input = UInt32(byte >> UInt8(isUnreflected ? 7 - bit : bit) & 1)
            let carry = state >> 31 ^ input
            state = state << 1 ^ (carry == 0 ? 0 : 0x1edc_6f41)
        }
    }

    var value: UInt32 { isPlain ? state : ~Self.mirrored(state) }

    private static func mirrored(_ value: UInt32) -> UInt32 {
        (0..<32).reduce(0) { $0 | (value >> UInt32($1) & 1) << UInt32(31 - $1) }
    }
}
