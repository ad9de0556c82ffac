import Foundation
import InterruptDelivery
import KVM
import LinuxKernel
import VirtualMachine

/// Looks at the machine, one thing after another.
struct Examination {
    /// Descriptors that a server with a handful of devices can come to use.
    static let descriptorsWanted: UInt64 = 4096

    private let environment = ProcessInfo.processInfo.environment

    func findings() -> [Finding] {
        [kernelObjects(), ring(), kvm()] + machines() + [qemu(), descriptors(), lockedMemory()]
    }

    private func kernelObjects() -> Finding {
        do throws(HostError) {
            _ = try EventFD()
            _ = try EpollSet()
            _ = try MemoryFile(name: "carillon-doctor", size: 4096, sealShrink: true)
            return Finding(
                subject: "kernel objects", state: .good,
                observation: "eventfd, epoll and sealed memory files work", advice: nil)
        } catch {
            return Finding(
                subject: "kernel objects", state: .bad, observation: error.description,
                advice: "Carillon needs Linux 5.4 or newer, outside a sandbox that forbids these.")
        }
    }

    private func ring() -> Finding {
        do throws(HostError) {
            try BlockFile.checkRing()
            return Finding(
                subject: "io_uring", state: .good, observation: "carries the requests of disks",
                advice: nil)
        } catch {
            return Finding(
                subject: "io_uring", state: .note,
                observation: "none (\(HostError.name(of: error.errno))): threads do its work",
                advice: error.advice)
        }
    }

    private func kvm() -> Finding {
        switch KVMNode.probe() {
        case .usable(let version):
            Finding(
                subject: "/dev/kvm", state: .good, observation: "usable, API version \(version)",
                advice: nil)
        case .absent:
            Finding(
                subject: "/dev/kvm", state: .note, observation: "absent",
                advice: "Guests then run under QEMU's TCG, slower; load kvm-intel or kvm-amd, or "
                    + "enable virtualization in the firmware, for speed.")
        case .noPermission(let errno):
            Finding(
                subject: "/dev/kvm", state: .note, observation: "no permission (errno \(errno))",
                advice: "Add yourself to its group: sudo usermod -aG kvm $USER, then log in again.")
        case .notKVM(let errno):
            Finding(
                subject: "/dev/kvm", state: .note, observation: "not a KVM node (errno \(errno))",
                advice: "Something else has its name; remove it and load the kvm module.")
        }
    }

    /// What `carillon vm run` finds in a KVM that can be used.
    private func machines() -> [Finding] {
        guard KVMNode.isUsable else { return [] }
        do throws(HostError) {
            let system = try KVMSystem()
            return [machine(system, .kernel, "kernel"), machine(system, .split, "split")]
        } catch {
            return [
                Finding(
                    subject: "vm run", state: .note, observation: error.description,
                    advice: error.advice)
            ]
        }
    }

    private func machine(
        _ system: borrowing KVMSystem, _ chip: RouteTable.Chip, _ name: String
    ) -> Finding {
        var missing: [String] = []
        for capability in Machine.needs(chip) where system.value(of: capability) == 0 {
            missing.append(capability.description)
        }
        let routes = system.value(of: .routes)
        return Finding(
            subject: "vm run --chip \(name)", state: missing.isEmpty ? .good : .note,
            observation: missing.isEmpty
                ? "possible, with \(routes) routes" : "lacks \(missing.joined(separator: ", "))",
            advice: missing.isEmpty
                ? nil : "Use the other chip, or a newer kernel with these capabilities.")
    }

    private func descriptors() -> Finding {
        limit("open files", { () throws(HostError) in try ResourceLimits.descriptors }) { limit in
            let isEnough = limit.hard >= Self.descriptorsWanted
            return Finding(
                subject: "open files", state: isEnough ? .good : .note,
                observation: "\(limit.soft) now, at most \(limit.hard)",
                advice: isEnough
                    ? nil
                    : "Every vector of every client takes one; raise LimitNOFILE= of the service "
                        + "or nofile in limits.conf to \(Self.descriptorsWanted) or more.")
        }
    }

    private func lockedMemory() -> Finding {
        limit("locked memory", { () throws(HostError) in try ResourceLimits.lockedMemory }) {
            limit in
            let isUnlimited = limit.soft == ResourceLimits.unlimited
            let isEnough = isUnlimited || limit.soft >= 64 << 20
            return Finding(
                subject: "locked memory", state: isEnough ? .good : .note,
                observation: isUnlimited ? "unlimited" : "\(limit.soft >> 10) KiB",
                advice: isEnough
                    ? nil
                    : "vfio-user needs none, but passing host devices to the guest does: raise "
                        + "LimitMEMLOCK= or memlock in limits.conf to the guest's memory size.")
        }
    }

    private func limit(
        _ subject: String, _ read: () throws(HostError) -> ResourceLimits.Limit,
        _ judge: (ResourceLimits.Limit) -> Finding
    ) -> Finding {
        do throws(HostError) { return judge(try read()) } catch {
            return Finding(
                subject: subject, state: .bad, observation: error.description,
                advice: "Carillon reads it with getrlimit, which a sandbox may forbid.")
        }
    }

    // MARK: QEMU

    private func qemu() -> Finding {
        guard let path = qemuPath() else {
            return Finding(
                subject: "QEMU", state: .note, observation: "not found",
                advice:
                    "make lab obtains one without installing it; or install QEMU 10.1 or newer, "
                    + "or name one in CARILLON_QEMU.")
        }
        guard let banner = output(of: path, ["--version"])?.split(separator: "\n").first
        else {
            return Finding(
                subject: "QEMU", state: .note, observation: "\(path) does not run",
                advice: "Check that it is an executable for this machine.")
        }
        let devices = output(of: path, ["-device", "help"]) ?? ""
        if devices.contains("vfio-user-pci") {
            return Finding(
                subject: "QEMU", state: .good, observation: "\(path): \(banner), has vfio-user-pci",
                advice: nil)
        }
        return Finding(
            subject: "QEMU", state: .note, observation: "\(path): \(banner), no vfio-user-pci",
            advice: "vfio-user-pci came with QEMU 10.1: make lab obtains a newer one without "
                + "installing it.")
    }

    /// The QEMU that CARILLON_QEMU names, or the first in the PATH, or the lab's.
    private func qemuPath() -> String? {
        if let named = environment["CARILLON_QEMU"], !named.isEmpty { return named }
        let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let candidates = folders.map { $0 + "/qemu-system-x86_64" } + [labFolder + "/qemu"]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Where `make lab` puts what it fetches.
    private var labFolder: String {
        if let named = environment["CARILLON_LAB"], !named.isEmpty { return named }
        let home = environment["HOME"] ?? ""
        return (environment["XDG_CACHE_HOME"] ?? home + "/.cache") + "/carillon/lab"
    }

    /// What a program writes; nil if it does not run, or fails.
    private func output(of path: String, _ arguments: [String]) -> String? {
        let pipe = Pipe()
        let writing = pipe.fileHandleForWriting
        let program = try? SpawnedProgram(
            path, arguments, variables: environment, .init(output: writing.fileDescriptor))
        guard let program, (try? writing.close()) != nil else { return nil }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        return program.wait() == .exited(0) ? String(decoding: data, as: UTF8.self) : nil
    }
}
