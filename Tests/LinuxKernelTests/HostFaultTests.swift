import Glibc
import LinuxKernel
import Testing

/// The schedule of faults as it is written. Faults themselves are process-wide: the server's tests
/// have processes of their own for them.
struct HostFaultTests {
    @Test(arguments: HostError.Code.allCases) func aScheduleIsReadAsItIsWritten(
        code: HostError.Code
    ) {
        let faults = [
            HostFault(code, .fail(errno: ENOMEM)),
            HostFault(code, .fail(errno: EMFILE), first: 3, count: 7),
            HostFault(code, .delay(milliseconds: 50), first: 2),
        ]
        for fault in faults { #expect(HostFault(fault.description) == fault) }
        #expect(HostFault("\(code)=ENOMEM") == faults[0])
        #expect(HostFault("\(code)=50ms@2") == faults[2])
    }

    @Test(arguments: [
        "", "HOST-MAP", "HOST-MAP=", "HOST-NOTHING=ENOMEM", "HOST-MAP=ENOTHING", "HOST-MAP=0ms",
        "HOST-MAP=60001ms", "HOST-MAP=ENOMEM@0", "HOST-MAP=ENOMEM@1x0", "HOST-MAP=ENOMEM@x",
        "HOST-MAP=ENOMEM@1x2x3", "HOST-MAP=ENOMEM@-1", "host-map=ENOMEM",
    ])
    func whatIsNoScheduleIsNotRead(text: String) {
        #expect(HostFault(text) == nil)
    }

    @Test func aFaultHappensToTheCallsThatItNamesAndNoOther() async {
        await #expect(processExitsWith: .success) {
            HostFaults.arm([HostFault(.timer, .fail(errno: ENFILE), first: 2, count: 2)])
            let failed = (0..<5).map { _ in (try? TimerFD()) == nil }
            #expect(failed == [false, true, true, false, false])
            #expect(HostFaults.taken == 2)
            let event = try EventFD()
            #expect(event.raw >= 0)
            HostFaults.arm([HostFault(.eventFD, .delay(milliseconds: 1))])
            let late = try EventFD()
            #expect(late.raw >= 0)
            #expect(HostFaults.taken == 1)
            HostFaults.arm([])
            #expect(HostFaults.taken == 0)
        }
    }
}
