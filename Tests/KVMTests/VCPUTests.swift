import Glibc
import KVM
import LinuxKernel
import PlatformTypes
import Synchronization
import TestTraits
import Testing

/// A processor that runs: what it comes back with, and how it is stopped.
@Suite(.needsKVM, .endsWhenHung)
struct VCPUTests {
    /// A machine without a chip whose processor begins in the page below 4 GiB, in real mode.
    private struct Subject {
        let machine: VMFile
        let processor: VCPUFile
        let memory: GuestPages

        init(_ code: [UInt8]) throws {
            let system = try KVMSystem()
            machine = try system.makeVM()
            memory = try GuestPages(count: 1)
            // The first instruction is 16 bytes below the end (Intel SDM volume 3, 10.1.4): jump to
            // the beginning of the page.
            memory.write([0xe9, 0x0d, 0xf0], at: 0xff0)
            memory.write(code, at: 0)
            try machine.map(memory.mapped, 0..<0x1000, at: 0xffff_f000, slot: 0)
            processor = try system.makeVCPU(0, of: 1, in: machine)
        }
    }

    @Test(.rule("KVMR-19")) func everyExitIsTold() throws {
        let code: [UInt8] = [
            0xba, 0x34, 0x12,  // mov dx, 0x1234
            0xb0, 0x5a,  // mov al, 0x5a
            0xee,  // out dx, al
            0xed,  // in ax, dx
            0xef,  // out dx, ax
            0xb8, 0x00, 0xd0,  // mov ax, 0xd000
            0x8e, 0xd8,  // mov ds, ax
            0xc6, 0x06, 0x10, 0x00, 0x77,  // mov byte [0x10], 0x77
            0xa1, 0x20, 0x00,  // mov ax, [0x20]
            0xef,  // out dx, ax
            0xf4,  // hlt
        ]
        let subject = try Subject(code)
        let processor = subject.processor
        #expect(try processor.run() == .portWrite(0x1234, bytes: 1, count: 1))
        #expect(processor.portValue(0) == 0x5a)
        #expect(try processor.run() == .portRead(0x1234, bytes: 2, count: 1))
        processor.setPortValue(0, 0xbeef)
        #expect(try processor.run() == .portWrite(0x1234, bytes: 2, count: 1))
        #expect(processor.portValue(0) == 0xbeef)
        #expect(try processor.run() == .memoryWrite(0xd0010, bytes: 1, 0x77))
        #expect(try processor.run() == .memoryRead(0xd0020, bytes: 2))
        processor.setMemoryValue(0xcafe)
        #expect(try processor.run() == .portWrite(0x1234, bytes: 2, count: 1))
        #expect(processor.portValue(0) == 0xcafe)
        #expect(try processor.run() == .halted)
        #expect(try processor.instructionPointer() & 0xfff == UInt64(code.count))
    }

    @Test(.rule("KVMR-18")) func aWatchedWriteSignalsAndDoesNotExit() throws {
        let subject = try Subject([
            0xb8, 0x00, 0xd0,  // mov ax, 0xd000
            0x8e, 0xd8,  // mov ds, ax
            0xc6, 0x06, 0x10, 0x00, 0x01,  // mov byte [0x10], 1
            0xc6, 0x06, 0x10, 0x00, 0x02,  // mov byte [0x10], 2
            0xc6, 0x06, 0x11, 0x00, 0x03,  // mov byte [0x11], 3
            0xf4,  // hlt
        ])
        let first = try EventFD()
        let second = try EventFD()
        try subject.machine.watch(0xd0010, bytes: 1, value: 1, by: first)
        try subject.machine.watch(0xd0011, bytes: 1, by: second)
        #expect(try subject.processor.run() == .memoryWrite(0xd0010, bytes: 1, 2))
        #expect(first.drain() == 1)
        #expect(try subject.processor.run() == .halted)
        #expect(second.drain() == 1)
        #expect(first.drain() == 0)
    }

    @Test(.rule("KVMR-19")) func aRequestEndsARun() throws {
        // jmp to itself
        let subject = try Subject([0xeb, 0xfe])
        let processor = subject.processor
        processor.requestExit()
        #expect(try processor.run() == .interrupted)
        #expect(try processor.run() == .interrupted, "until it is accepted")
        processor.acceptExit()
        let outcome = Outcome()
        let thread = try KernelThread(name: "processor") {
            outcome.exit.withLock { $0 = try? processor.run() }
            outcome.isOver.store(true, ordering: .releasing)
        }
        processor.requestExit()
        while !outcome.isOver.load(ordering: .acquiring) {
            thread.interrupt()
            sched_yield()
        }
        thread.join()
        #expect(outcome.exit.withLock { $0 } == .interrupted)
    }

    private final class Outcome: Sendable {
        let exit = Mutex<VCPUExit?>(nil)
        let isOver = Atomic(false)
    }

    @Test(.rule("KVMR-19")) func longModeRunsUntilATripleFault() throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        let memory = try GuestPages(count: 8)
        // The first 2 MiB, mapped where they are (Intel SDM volume 3, 4.5).
        memory.write(0x2003, at: 0x1000)
        memory.write(0x3003, at: 0x2000)
        memory.write(0x83, at: 0x3000)
        memory.write(0x00af_9b00_0000_ffff, at: 0x4010)
        memory.write(0x00cf_9300_0000_ffff, at: 0x4018)
        memory.write(
            [
                0x40, 0x88, 0xf8,  // mov al, dil
                0xe6, 0x77,  // out 0x77, al
                0xa3, 0, 0, 0, 0x40, 0, 0, 0, 0,  // mov [0x40000000], eax
                0x0f, 0x0b,  // ud2, with an empty interrupt table
            ], at: 0x5000)
        try machine.map(memory.mapped, 0..<0x8000, at: 0, slot: 0)
        let processor = try system.makeVCPU(0, of: 1, in: machine)
        var start = LongModeStart(
            instruction: 0x5000, pageTables: 0x1000, descriptors: 0x4000, descriptorsLimit: 0x1f)
        start.firstArgument = 0x99
        try processor.enterLongMode(start)
        #expect(try processor.run() == .portWrite(0x77, bytes: 1, count: 1))
        #expect(processor.portValue(0) == 0x99)
        #expect(try processor.run() == .shutdown, "an address that no table maps faults, too")
    }

    @Test(.rule("KVMR-17")) func aRunThatFailsIsNamed() async {
        await #expect(processExitsWith: .success) {
            let subject = try Subject([0xf4])
            HostFaults.arm([HostFault(.kvmRun, .fail(errno: EFAULT))])
            let error = failure { () throws(HostError) in _ = try subject.processor.run() }
            #expect(error?.code == .kvmRun)
            #expect(error?.errno == EFAULT)
            #expect(error?.subject == "processor 0")
            #expect(try subject.processor.run() == .halted)
        }
    }

    @Test(.rule("KVMR-19")) func aRegisterThatIsNoneIsRefused() throws {
        let subject = try Subject([0xf4])
        let error = failure { () throws(HostError) in try subject.processor.setMSR(0xdead_beef, 1) }
        #expect(error?.code == .kvmProcessor)
        try subject.processor.setRunnable(true)
    }
}
