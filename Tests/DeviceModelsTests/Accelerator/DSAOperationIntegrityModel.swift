import DeviceModels

/// CRC-16 of T10's field, bit by bit.
func naiveT10CRC(_ bytes: some Sequence<UInt8>, seed: UInt16 = 0) -> UInt16 {
    var state = seed
    for byte in bytes {
        for bit in 0..<8 {
            let carry = state >> 15 ^ UInt16(byte >> UInt8(7 - bit) & 1)
            state = state << 1 ^ (carry == 0 ? 0 : 0x8bb7)
        }
    }
    return state
}

/// Tags of a field: what a descriptor says of them, in 8 bytes.
struct NaiveTags: Equatable {
    var reference: UInt32 = 0
    var mask: UInt16 = 0
    var application: UInt16 = 0

    init(_ reference: UInt32, mask: UInt16 = 0, _ application: UInt16) {
        (self.reference, self.mask, self.application) = (reference, mask, application)
    }

    init(_ field: UInt64) {
        reference = UInt32(field & 0xffff_ffff)
        mask = UInt16(field >> 32 & 0xffff)
        application = UInt16(field >> 48)
    }

    var field: UInt64 { UInt64(reference) | UInt64(mask) << 32 | UInt64(application) << 48 }

    mutating func advance(isFixed: Bool, incrementsApplication: Bool) {
        if !isFixed { reference &+= 1 }
        if incrementsApplication { application &+= 1 }
    }
}

/// Operations on integrity fields, block by block.
struct NaiveIntegrity {
    private let form: DescriptorForm
    private let block: Int
    private var source: NaiveTags
    private var destination: NaiveTags

    init(_ form: DescriptorForm) {
        self.form = form
        block = [512, 520, 4096, 4104][Int(form.at40 >> 16 & 3)]
        (source, destination) = (NaiveTags(form.at48), NaiveTags(form.at56))
    }

    private func isSet(_ bit: Int) -> Bool { form.at40 >> UInt64(bit) & 1 != 0 }

    private var blockIn: Int { block + (form.opcode == 0x13 ? 0 : 8) }

    private func record(
        _ status: DSAStatus, _ done: Int, result: UInt8 = 0, fault: UInt64 = 0,
        isWrite: Bool = false
    ) -> DSACompletion {
        .of(
            status, done: done, result: result, fault: fault, isWrite: isWrite,
            first: form.opcode == 0x13 ? 0 : source.field
        ).with(second: form.opcode == 0x13 || form.opcode == 0x15 ? destination.field : 0)
    }

    mutating func perform(_ pages: inout GuestPages) -> DSACompletion {
        var done = 0
        var to = form.destination
        while done < Int(form.size) {
            var bytes: [UInt8] = []
            for index in 0..<blockIn {
                let from = form.source &+ UInt64(done + index)
                guard let byte = pages.byte(from) else {
                    return record(.pageFault, done, fault: from)
                }
                bytes.append(byte)
            }
            let mismatch = form.opcode == 0x13 ? 0 : mismatch(of: bytes)
            guard mismatch == 0 else { return record(.difError, done, result: mismatch) }
            for byte in written(for: bytes) {
                guard pages.store(byte, to) else {
                    return record(.pageFault, done, fault: to, isWrite: true)
                }
                to &+= 1
            }
            done += blockIn
            source.advance(isFixed: isSet(7), incrementsApplication: isSet(4))
            destination.advance(isFixed: isSet(15), incrementsApplication: isSet(12))
        }
        return record(.success, done)
    }

    private func guardField(_ bytes: [UInt8]) -> UInt16 {
        let value = naiveT10CRC(bytes[..<block], seed: isSet(18) ? 0xffff : 0)
        return isSet(19) ? value ^ 0xffff : value
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private func mismatch(of bytes: [UInt8]) -> UInt8 {
        let found = UInt16(Self.number(bytes[block..<block + 2]))
        let tag = UInt16(Self.number(bytes[(block + 2)..<(block + 4)]))
        let reference = Self.number(bytes[(block + 4)...])
        if isSet(1), bytes[block...].allSatisfy({ $0 == 0xff }) { return isSet(0) ? 8 : 0 }
        if tag == 0xffff, isSet(2) || isSet(3) && reference == 0xffff_ffff { return 0 }
        var result: UInt8 = 0
        if !isSet(5), found != guardField(bytes) { result |= 1 }
        for bit in 0..<16 where source.mask >> UInt16(bit) & 1 == 0 {
            if (tag ^ source.application) >> UInt16(bit) & 1 != 0 { result |= 2 }
        }
        if !isSet(6), reference != source.reference { result |= 4 }
        return result
    }

    private func written(for bytes: [UInt8]) -> [UInt8] {
        if form.opcode == 0x12 { return [] }
        var result = Array(bytes[..<block])
        if form.opcode == 0x14 { return result }
        let isUpdate = form.opcode == 0x15
        let old = Array(bytes[block...])
        let check = guardField(bytes)
        result += isUpdate && isSet(13) ? old[0..<2] : [UInt8(check >> 8), UInt8(check & 0xff)]
        var tag = destination.application & ~destination.mask
        if isUpdate { tag |= UInt16(Self.number(old[2..<4])) & destination.mask }
        result += isUpdate && isSet(11) ? old[2..<4] : [UInt8(tag >> 8), UInt8(tag & 0xff)]
        if isUpdate, isSet(14) { return result + old[4..<8] }
        return result + (0..<4).map { UInt8(destination.reference >> UInt32(24 - 8 * $0) & 0xff) }
    }
}
