import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// Unmasking the pin by an eventfd, as a resampling irqfd does.
    @Suite struct UnmaskNotifierTests {
        private static let bind = IRQSet(
            index: .intx, range: 0..<1, action: .unmask, data: .eventfd)

        /// Waits until the event was signalled.
        private static func wait(for event: borrowing EventFD) throws -> UInt64 {
            let epoll = try EpollSet()
            try epoll.add(descriptor: event.raw, token: 0, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            guard try epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds) == 1
            else { return 0 }
            return event.drain()
        }

        @Test(.scenario("T-I05"), .rules("VU-43", "VU-18"), arguments: [1, 2, 50])
        func eachSignalUnmasksAndTheLineIsToldWhileItsCauseHolds(rounds: Int) async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let line = try EventFD()
            let unmask = try EventFD()
            try rig.guest.bindPin(to: line)
            try rig.client.set(Self.bind, [unmask.raw])
            try rig.set(.assertLine)
            #expect(line.drain() == 1)
            for _ in 0..<rounds {
                #expect(unmask.signal() == true)
                #expect(try Self.wait(for: line) == 1)
            }
            try rig.set(.deassertLine)
            #expect(unmask.signal() == true)
            try rig.set(.assertLine)
            #expect(try Self.wait(for: line) == 1)
            let pin = try await rig.report().pin
            #expect(pin.sent == 2)
            #expect(pin.repeated == UInt64(rounds))
        }

        @Test(.rule("VU-43"), arguments: [0, 1, 2])
        func itEndsWithoutADescriptorWithTheBindingAndWithTheClient(way: Int) async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let line = try EventFD()
            let unmask = try EventFD()
            try rig.guest.bindPin(to: line)
            try rig.client.set(Self.bind, [unmask.raw])
            switch way {
            case 0:
                try rig.client.set(
                    IRQSet(index: .intx, range: 0..<1, action: .unmask, data: .noEventfd))
            case 1: try rig.client.disable(.intx)
            default:
                rig.client.disconnect()
                _ = try rig.server.events.disconnect(of: "device")
            }
            #expect(EventCopies.count(of: unmask) == 1, "only the test's own is left")
        }

        @Test(.rule("VU-43")) func aDescriptorOfAnotherKindIsRefused() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let file = try MemoryFile(name: "no eventfd", size: 8, sealShrink: false)
            #expect(throws: ClientError.self) { try rig.client.set(Self.bind, [file.raw]) }
            let event = try EventFD()
            #expect(throws: ClientError.self) {
                try rig.client.set(
                    IRQSet(index: .intx, range: 0..<1, action: .mask, data: .eventfd), [event.raw])
            }
        }
    }
}
