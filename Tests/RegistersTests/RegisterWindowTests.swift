import Registers
import TestTraits
import Testing

/// Every access to a window with registers of every width and gaps, against an array of bytes.
struct RegisterWindowTests {
    /// Registers by their first byte, with gaps at 7, 16, 17, 19 and beyond 24.
    private static let places: [(offset: Int, width: AccessWidth)] = [
        (0, .dword), (4, .word), (6, .byte), (8, .qword), (18, .byte), (20, .dword),
    ]

    private let window = RegisterWindow(
        places.indices.map { .init($0, at: places[$0].offset, places[$0].width) })

    @Test(arguments: AccessWidth.allCases)
    func aReadReturnsTheBytesOfEveryRegisterItTouches(width: AccessWidth) {
        for offset in -9..<33 {
            var value: UInt64 = 0
            var touched = false
            for piece in window.pieces(at: offset, width) {
                touched = true
                value |= piece.contribution(of: Self.registers[piece.id])
            }
            let bytes = (offset..<offset + width.bytes).map { Self.bytes[$0] }
            #expect(touched == bytes.contains { $0 != nil })
            #expect(value == Self.integer(bytes.map { $0 ?? 0 }))
        }
    }

    @Test(arguments: AccessWidth.allCases)
    func aWriteChangesTheBytesItReachesAndNoOthers(width: AccessWidth) {
        let written: UInt64 = 0xf8e7_d6c5_b4a3_9281
        for offset in -9..<33 {
            var registers = Self.registers
            for piece in window.pieces(at: offset, width) {
                registers[piece.id] = piece.merging(written, into: registers[piece.id])
            }
            for (register, place) in zip(registers, Self.places) {
                let expected = (place.offset..<place.offset + place.width.bytes).map { position in
                    (offset..<offset + width.bytes).contains(position)
                        ? UInt8(truncatingIfNeeded: written >> UInt64(8 * (position - offset)))
                        : Self.bytes[position] ?? 0
                }
                #expect(register == Self.integer(expected), "\(width) at \(offset)")
            }
        }
    }

    @Test(arguments: AccessWidth.allCases)
    func piecesComeInOrderAndKnowWhetherTheyAreWhole(width: AccessWidth) {
        for offset in -9..<33 {
            var order: [Int] = []
            for piece in window.pieces(at: offset, width) {
                order.append(piece.id)
                let place = Self.places[piece.id]
                let isWhole =
                    offset <= place.offset
                    && place.offset + place.width.bytes <= offset + width.bytes
                #expect(piece.isWhole == isWhole)
            }
            #expect(order == order.sorted())
            #expect(Set(order).count == order.count)
        }
    }

    /// The byte at each offset that belongs to a register: its offset plus 0x40.
    private static let bytes: [Int: UInt8] = {
        let offsets = places.flatMap { $0.offset..<$0.offset + $0.width.bytes }
        return Dictionary(uniqueKeysWithValues: offsets.map { ($0, UInt8(0x40 + $0)) })
    }()

    private static let registers: [UInt64] = places.map { place in
        integer((place.offset..<place.offset + place.width.bytes).map { bytes[$0] ?? 0 })
    }

    private static func integer(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
