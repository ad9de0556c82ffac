import Glibc
import LinuxKernel
import Synchronization
import Testing

/// Every suite that opens descriptors: one after the other, because descriptor numbers belong to
/// the whole process.
///
/// Other threads of the process (libdispatch, other targets' tests) open and close descriptors at
/// any time. So a test for leaks counts the descriptors of one file (`openDescriptors(of:)`), and
/// a test that needs the whole table has one of its own (`DescriptorTable`).
@Suite(.serialized) enum KernelObjects {}

/// A directory that is gone, with its files, after the test.
final class TemporaryDirectory {
    let path: String

    init() {
        path = "/tmp/carillon-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        // SAFETY: the C library reads the string only during the call.
        let made = unsafe mkdir(path, 0o700)
        precondition(made == 0, "a test has a directory of its own")
    }

    deinit {
        // SAFETY: the strings live as long as the calls, and readdir's entry until the next one.
        guard let directory = unsafe opendir(path) else { return }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { _ = unsafe remove(path + "/" + name) }
        }
        // SAFETY: the directory is open until here, and the string lives as long as the call.
        unsafe closedir(directory)
        unsafe rmdir(path)
    }

    /// The path of a file in it.
    func file(_ name: String) -> String { path + "/" + name }

    /// Makes an empty file.
    func makeFile(_ name: String) -> OwnedDescriptor {
        // SAFETY: the C library reads the string only during the call.
        OwnedDescriptor(
            adopting: unsafe open(file(name), O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
    }

    /// Moves a file.
    func rename(_ old: String, to new: String) {
        // SAFETY: the C library reads the strings only during the call.
        let renamed = unsafe Glibc.rename(file(old), file(new))
        precondition(renamed == 0, "a test renames a file that is there")
    }

    /// The mode of a file as stat(2) gives it, or nil when there is none.
    func mode(of name: String) -> mode_t? {
        var facts = stat()
        // SAFETY: the C library reads the string and writes the structure during the call.
        return unsafe lstat(file(name), &facts) == 0 ? facts.st_mode : nil
    }
}

/// What an expression that must fail threw.
func failure(_ body: () throws(HostError) -> Void) -> HostError? {
    do throws(HostError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// How many descriptors of this process are open for the file of `raw`, itself included.
func openDescriptors(of raw: CInt) -> Int {
    func identity(_ descriptor: CInt) -> (dev_t, ino_t)? {
        var facts = stat()
        // SAFETY: the C library writes the structure only during the call.
        return unsafe fstat(descriptor, &facts) == 0 ? (facts.st_dev, facts.st_ino) : nil
    }
    guard let file = identity(raw) else { return 0 }
    return (0..<4_096).count { number in identity(CInt(number)).map { $0 == file } ?? false }
}

/// The calling thread's descriptor table, in a process that ends with the test.
enum DescriptorTable {
    /// Gives the thread a copy of the table that no other thread uses (unshare(2), CLONE_FILES).
    ///
    /// - Returns: false where a seccomp filter forbids it, as those of containers may.
    static func isolate() -> Bool {
        // SAFETY: the symbol is the C library's `int unshare(int)`, which the Glibc module lacks.
        guard let symbol = unsafe dlsym(nil, "unshare") else { return false }
        let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (CInt) -> CInt).self)
        let descriptors: CInt = 0x400
        return unshare(descriptors) == 0
    }

    /// Whether `isolate` works here.
    static let canBeIsolated: Bool = {
        let answer = SharedNumber()
        let thread = try? KernelThread(name: "unshare") { answer.store(isolate() ? 1 : 0) }
        thread?.join()
        return answer.load() == 1
    }()

    /// Isolates the table and uses up every number in it.
    static func exhaust() {
        precondition(isolate(), "tests that exhaust the table are enabled where this works")
        lowerLimit(to: 128)
        while dup(0) >= 0 {}
    }

    /// Lowers the soft limit of the process.
    static func lowerLimit(to soft: UInt64) {
        var limit = rlimit()
        // SAFETY: the C library reads and writes the structure only during the calls.
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = rlim_t(soft)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension Trait where Self == ConditionTrait {
    /// The test needs a descriptor table of its own.
    static var isolatedDescriptorTable: Self {
        .enabled(
            if: DescriptorTable.canBeIsolated, "unshare(CLONE_FILES) is not allowed here")
    }
}

/// A number that a test and its threads share; -1 at first.
final class SharedNumber: Sendable {
    private let value = Atomic<Int>(-1)

    func load() -> Int { value.load(ordering: .acquiring) }

    func store(_ number: Int) { value.store(number, ordering: .releasing) }

    func increment() { value.add(1, ordering: .relaxed) }
}
