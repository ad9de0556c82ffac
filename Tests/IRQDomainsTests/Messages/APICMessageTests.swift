import IRQDomains
import PlatformTypes
import TestTraits
import Testing

/// Messages to APICs and to remapping tables: each field comes back as it went (C15, C17, C18).
struct APICMessageTests {
    typealias Format = APICMessage.DestinationFormat

    private static let destinations: [UInt32] =
        (0..<32).map { 1 << $0 } + [0, 0xff, 0x7fff, 0xffff_ffff, 0x1234_5678]

    private static var messages: [APICMessage] {
        destinations.flatMap { destination in
            [false, true].flatMap { logical in
                [false, true].flatMap { hint in
                    APICMessage.DeliveryMode.allCases.flatMap { mode in
                        [nil, false, true].compactMap { level in
                            APICMessage(
                                destination: destination, isLogical: logical,
                                isRedirectable: hint, delivery: mode, vector: 0x31, level: level)
                        }
                    }
                }
            }
        }
    }

    @Test(.rules("DOM-18", "DOM-19"), arguments: Format.allCases)
    func everyFieldComesBackAndNoTwoAreTheSame(format: Format) {
        let fitting = Self.messages.filter { $0.destination <= format.limit }
        var spelled: Set<MSIMessage> = []
        for message in fitting {
            guard let bytes = message.message(format) else {
                Issue.record("\(message) fits \(format)")
                continue
            }
            #expect(APICMessage(bytes, format) == message)
            #expect(spelled.insert(bytes).inserted, "\(message)")
        }
        #expect(spelled.count == fitting.count)
        for message in Self.messages where message.destination > format.limit {
            #expect(message.message(format) == nil)
        }
    }

    @Test(.rule("DOM-18")) func theSameVectorElsewhereIsAnotherMessage() throws {
        let here = try #require(APICMessage(destination: 1, vector: 0x40))
        let there = try #require(APICMessage(destination: 2, vector: 0x40))
        let lowest = try #require(
            APICMessage(destination: 1, delivery: .lowestPriority, vector: 0x40))
        #expect(Set([here, there, lowest]).count == 3)
        #expect(here.description == "fixed vector 0x40 to 0x1")
        #expect(
            try #require(
                APICMessage(
                    destination: 3, isLogical: true, isRedirectable: true, vector: 0x40,
                    level: true)
            ).description == "fixed vector 0x40 to logical 0x3, redirectable, level asserted")
    }

    @Test(.rule("DOM-17")) func vectorsBelowSixteenCannotBeDelivered() {
        for vector in UInt8.min...UInt8.max {
            for mode in APICMessage.DeliveryMode.allCases {
                let needs = mode == .fixed || mode == .lowestPriority
                let message = APICMessage(destination: 0, delivery: mode, vector: vector)
                #expect((message != nil) == (!needs || vector >= 16))
                let bytes = MSIMessage(
                    address: 0xfee0_0000, data: UInt32(mode.rawValue) << 8 | UInt32(vector))
                #expect(APICMessage(bytes, .xapic) == message)
            }
        }
    }

    @Test(.rule("DOM-17"), arguments: Format.allCases)
    func whatIsNoMessageToAnAPICIsNone(format: Format) {
        func isMessage(_ address: UInt64, _ data: UInt32 = 0x31) -> Bool {
            APICMessage(MSIMessage(address: address, data: data), format) != nil
        }
        #expect(isMessage(0xfee0_0000))
        #expect(!isMessage(0xfed0_0000) && !isMessage(0xfef0_0000))
        #expect(!isMessage(0xfee0_0010), "remappable format")
        #expect(isMessage(0x0000_0100_fee0_0000) == (format == .x2apic))
        #expect(!isMessage(0x0000_0001_fee0_0000))
        for reserved: UInt32 in [3, 6] { #expect(!isMessage(0xfee0_0000, reserved << 8 | 0x31)) }
    }

    @Test(.rule("DOM-20")) func everyEntryIsNamed() {
        for handle in UInt16.min...UInt16.max {
            let message = RemappableMessage(handle: handle)
            if RemappableMessage(message.message) != message { Issue.record("\(handle)") }
            if message.index != Int(handle) { Issue.record("\(handle)") }
        }
        let blocked = RemappableMessage(handle: 0x8020, subhandle: 31)
        #expect(RemappableMessage(blocked.message) == blocked)
        #expect(blocked.index == 0x803f)
        #expect(blocked.message == MSIMessage(address: 0xfee0_041c, data: 31))
        #expect(RemappableMessage(MSIMessage(address: 0xfee0_0000, data: 0x31)) == nil)
        #expect(RemappableMessage(MSIMessage(address: 0x1_fee0_0010, data: 0)) == nil)
    }
}
