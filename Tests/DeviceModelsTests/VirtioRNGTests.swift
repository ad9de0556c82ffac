import DeviceModels
import TestTraits
import Testing

struct VirtioRNGTests {
    @Test(.rule("VIO-13")) func whatCountsAsWrittenHasNoHoles() throws {
        let machine = try VirtioMachine(vectors: 2, entropy: ScriptedEntropy(failing: [0]))
        machine.start()
        machine.offer(at: 0x5000, length: 16, flags: 3)
        machine.memory.store(UInt16(1), at: 0x100e)
        machine.memory.store(UInt64(0x6000), at: 0x1010)
        machine.memory.store(UInt32(16), at: 0x1018)
        machine.memory.store(UInt16(2), at: 0x101c)
        machine.notify()
        #expect(machine.memory.load16(0x3002) == 1, "the chain is returned")
        #expect(machine.memory.load16(0x3008) == 0, "nothing was written")
        #expect(machine.memory.byte(0x6000) == 0)
    }

    @Test(.rule("VIO-13")) func aRequestIsFilled() throws {
        let machine = try VirtioMachine(vectors: 2)
        machine.start()
        machine.offer(at: 0x5000, length: 5000, flags: 2)
        machine.notify()
        #expect(machine.memory.load16(0x3008) == 5000)
        #expect(machine.memory.byte(0x5000) == 0xa5 && machine.memory.byte(0x5000 + 4999) == 0xa5)
        #expect(machine.memory.byte(0x5000 + 5000) == 0)
        #expect(machine.endpoint.model.device.bytesDelivered == 5000)
    }
}
