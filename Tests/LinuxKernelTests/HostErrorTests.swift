import Glibc
import LinuxKernel
import Testing

@Suite struct HostErrorTests {
    @Test func readsAsAdvice() {
        let error = HostError(.eventFD, "create an eventfd", "for client 3", errno: -EMFILE)
        #expect(
            error.description
                == "could not create an eventfd for client 3: Too many open files (EMFILE). "
                + "Raise the limit of open descriptors (ulimit -n, or LimitNOFILE= of the "
                + "service). [HOST-EVENTFD]"
        )
        #expect(error.errno == EMFILE)
    }

    @Test func withoutSubjectHasNoGap() {
        let error = HostError(.entropy, "get random bytes", "", errno: ENOSYS, advice: "Wait.")
        #expect(
            error.description
                == "could not get random bytes: Function not implemented (ENOSYS). Wait. "
                + "[HOST-ENTROPY]"
        )
    }

    @Test func numbersWithoutMeaningAreShownAsNumbers() {
        #expect(HostError.name(of: 4000) == "4000")
        #expect(HostError.text(of: 4000) == "Unknown error")
    }

    @Test(arguments: HostError.Code.allCases)
    func everyCodeHasAStableShapeAMeaningAndAdvice(code: HostError.Code) {
        #expect(code.rawValue.hasPrefix("HOST-") || code.rawValue.hasPrefix("KVM-"))
        #expect(code.rawValue.allSatisfy { $0 == "-" || ("A"..."Z").contains($0) })
        #expect(code.meaning.hasSuffix("."))
        #expect(code.advice.hasSuffix("."))
    }

    @Test func codesAreUnique() {
        let codes = HostError.Code.allCases
        #expect(Set(codes.map(\.rawValue)).count == codes.count)
        #expect(Set(codes.map(\.meaning)).count == codes.count)
    }
}
