import IRQDomains
import PlatformTypes
import TestTraits
import Testing

/// What every message comes to: by each address that differs in what matters, with all data.
struct MessageDispositionTests {
    typealias Format = APICMessage.DestinationFormat

    /// Low halves of addresses: in the window and beside it, with all of bits 11:2.
    private static let lows: [UInt32] =
        [0, 0x1000, 0xfed0_0000, 0xfedf_fff0, 0xfef0_0000, 0xffe0_0000, 0x7ee0_0000, 0xfeeb_c000]
        + (0..<1024).map { 0xfee0_0000 | $0 << 2 } + (12..<20).map { 0xfee0_0000 | 1 << $0 }
        + [0xfeef_fffc, 0xfee0_0003, 0xfee0_0013]
    private static let highs: [UInt32] = [0] + (0..<32).map { 1 << $0 } + [0xffff_ff00, .max]
    /// Every vector and mode, and the other bits one by one.
    private static let data: [UInt32] =
        (0..<0x800).map { $0 } + (11..<32).map { 0x41 | 1 << $0 } + [0xffff_ffff, 0xc041]

    private static func expected(
        _ low: UInt32, _ high: UInt32, _ data: UInt32, _ format: Format
    ) -> MessageDisposition? {
        guard low & 0xfff0_0000 == 0xfee0_0000 else { return .memory }
        if format != .x2apic, high != 0 { return .memory }
        if low & 0x10 != 0 { return .refused(.remappable) }
        if high & 0xff != 0 { return .refused(.reservedAddress) }
        let mode = data & 0x700
        if mode == 0x300 || mode == 0x600 { return .refused(.reservedDelivery) }
        if mode <= 0x100, data & 0xff < 16 { return .refused(.reservedVector) }
        return nil
    }

    private static func check(_ low: UInt32, _ high: UInt32, _ data: UInt32, _ format: Format)
        -> Bool
    {
        let message = MSIMessage(address: UInt64(high) << 32 | UInt64(low), data: data)
        let disposition = MessageDisposition(message, format)
        if let expected = expected(low, high, data, format) { return disposition == expected }
        guard disposition == .interrupt, let decoded = APICMessage(message, format) else {
            return false
        }
        var destination = low >> 12 & 0xff
        if format == .extended { destination |= (low >> 5 & 0x7f) << 8 }
        if format == .x2apic { destination |= high & 0xffff_ff00 }
        return decoded.destination == destination
            && decoded.isLogical == (low & 4 != 0) && decoded.isRedirectable == (low & 8 != 0)
            && decoded.vector == UInt8(data & 0xff)
            && UInt32(decoded.delivery.rawValue) == data >> 8 & 7
            && decoded.level == (data & 0x8000 == 0 ? nil : data & 0x4000 != 0)
    }

    @Test(.rule("KVMR-12"), arguments: Format.allCases)
    func everyLowAddressWithEveryData(format: Format) {
        for low in Self.lows {
            for data in Self.data where !Self.check(low, 0, data, format) {
                Issue.record("\(low) \(data)")
            }
        }
    }

    @Test(.rule("KVMR-12"), arguments: Format.allCases)
    func everyHighAddress(format: Format) {
        for high in Self.highs {
            for low in [0x1000, 0xfee0_0000, 0xfee1_2008, 0xfee0_0010, 0xfed0_0000] as [UInt32] {
                for data in [0x41, 0x05, 0x341, 0x641, 0x400, 0xc041] as [UInt32] {
                    #expect(Self.check(low, high, data, format), "\(high) \(low) \(data)")
                }
            }
        }
    }

    @Test(.rule("KVMR-12")) func faultsHaveNamesOfTheirOwn() {
        #expect(Set(MessageFault.allCases.map(\.name)).count == MessageFault.allCases.count)
        #expect(MessageFault.allCases.map(\.rawValue) == [0, 1, 2, 3])
    }
}
