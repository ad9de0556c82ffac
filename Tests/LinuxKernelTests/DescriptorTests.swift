import Glibc
import LinuxKernel
import Testing

extension KernelObjects {
    @Suite struct OwnedDescriptorTests {
        @Test func leavingScopeClosesIt() throws {
            let file = try MemoryFile(name: "owned", size: 1, sealShrink: false)
            do {
                let copy = try OwnedDescriptor.duplicate(of: file.raw)
                let another = try copy.duplicate()
                #expect(openDescriptors(of: another.raw) == 3)
            }
            #expect(openDescriptors(of: file.raw) == 1)
        }

        @Test func releaseLeavesItOpen() throws {
            let raw = try EventFD().release().release()
            #expect(try DescriptorKind.of(raw) == .eventfd)
            #expect(close(raw) == 0)
        }

        @Test func aDuplicateIsTheSameFileUnderAnotherNumber() throws {
            let file = try MemoryFile(name: "duplicate", size: 1, sealShrink: false)
            let copy = try OwnedDescriptor.duplicate(of: file.raw)
            #expect(copy.raw != file.raw)
            #expect(try DescriptorStatus.of(copy.raw) == DescriptorStatus.of(file.raw))
        }

        @Test func duplicatingAClosedDescriptorSaysWhich() {
            let error = failure { () throws(HostError) in
                _ = try OwnedDescriptor.duplicate(of: -1)
            }
            #expect(error?.code == .descriptor)
            #expect(error?.errno == EBADF)
            #expect(error?.subject == "descriptor -1")
        }

        @Test(.isolatedDescriptorTable)
        func withoutANumberLeftTheErrorSaysWhichLimitToRaise() async {
            await #expect(processExitsWith: .success) {
                DescriptorTable.exhaust()
                let error = failure { () throws(HostError) in _ = try EventFD() }
                #expect(error?.code == .eventFD)
                #expect(error?.errno == EMFILE)
                #expect(error?.advice.contains("LimitNOFILE=") == true)
                #expect(close(0) == 0, "the end of the process needs one")
            }
        }
    }

    @Suite struct DescriptorKindTests {
        @Test func eventfdIsAnEventfd() throws {
            let event = try EventFD()
            let status = try DescriptorStatus.of(event.raw)
            #expect(status.kind == .eventfd)
            #expect(status.seals == nil)
        }

        @Test func memoryFileIsAMemfdAndShowsItsSeals() throws {
            let open = try MemoryFile(name: "open", size: 12_345, sealShrink: false)
            let sealed = try MemoryFile(name: "sealed", size: 1, sealShrink: true)
            let status = try DescriptorStatus.of(open.raw)
            #expect(status.kind == .memfd)
            #expect(status.size == 12_345)
            #expect(status.seals == [])
            #expect(try DescriptorStatus.of(sealed.raw).seals == .shrink)
            #expect(try DescriptorStatus.of(sealed.raw).inode != status.inode)
        }

        @Test(arguments: ["plain", "memfd:x (deleted)", "anon_inode:[eventfd]"])
        func regularFileIsARegularFileWhateverItsName(name: String) throws {
            let directory = TemporaryDirectory()
            let file = directory.makeFile(name)
            #expect(try DescriptorKind.of(file.raw) == .regularFile)
        }

        @Test func socketIsASocket() throws {
            let pair = try UnixStream.pair()
            #expect(try DescriptorKind.of(pair.first.raw) == .socket)
        }

        @Test(arguments: ["/tmp", "/dev/null", "/proc/self/ns/net"])
        func everythingElseIsOther(path: String) throws {
            // SAFETY: the C library reads the string only during the call.
            let descriptor = OwnedDescriptor(adopting: unsafe open(path, O_RDONLY | O_CLOEXEC))
            #expect(try DescriptorKind.of(descriptor.raw) == .other)
        }

        @Test func epollSetIsOther() throws {
            let set = try EpollSet()
            #expect(try DescriptorKind.of(set.raw) == .other)
        }

        @Test func aClosedDescriptorIsAnError() {
            let error = failure { () throws(HostError) in _ = try DescriptorKind.of(-1) }
            #expect(error?.code == .descriptor)
            #expect(error?.errno == EBADF)
        }
    }
}
