/// No file knows the machine it was written on, nor a host it may not depend on.
package enum AddressCheck {
    private static let machineFolders = ["/home/", "/root/", "/Users/"].map {
        Needle(anywhere: $0)
    }

    /// Where addresses in any file may lead: the packages we depend on, the licence, this machine.
    private static let allowedAnywhere = [
        "github.com/apple/", "github.com/swift-server/", "github.com/swiftlang/",
        "github.com/swhitty/FlyingFox",
        // The name of libvirt's XML name space for arguments of QEMU, which nobody fetches.
        "libvirt.org/schemas/domain/qemu/1.0",
        "www.apache.org/licenses/", "apache.org/licenses/", "localhost", "127.0.0.1", "example.",
    ]

    /// Where addresses in documents may lead besides: specifications and manuals.
    private static let allowedInDocuments = [
        "pcisig.com", "docs.kernel.org", "www.kernel.org/doc", "git.kernel.org", "www.qemu.org",
        "qemu.readthedocs.io", "docs.oasis-open.org", "www.intel.com", "cdrdv2.intel.com",
        "www.amd.com", "nvmexpress.org", "developer.arm.com", "docs.swift.org", "www.swift.org",
        "swift.org", "spec.commonmark.org", "man7.org",
    ]

    /// Hosts that serve packages; where they come from is the machine's business.
    private static let mirrors = [
        "debian.org", "ubuntu.com", "pypi.org", "pythonhosted.org", "crates.io", "npmjs.org",
        "npmjs.com", "docker.io",
    ].map { Needle(word: $0) }

    private static let schemes = ["https://", "http://"].map { Needle(anywhere: $0) }

    package static func findings(in repository: Repository) -> [Finding] {
        repository.files.filter { $0.path != "LICENSE" }.flatMap { file in
            file.lines.enumerated().flatMap { index, line in
                let bytes = Array(line.utf8)
                return machinePaths(bytes, file.path, index + 1)
                    + addresses(bytes, file.path, index + 1) + mirrors(bytes, file.path, index + 1)
            }
        }
    }

    private static func machinePaths(_ line: [UInt8], _ path: String, _ number: Int) -> [Finding] {
        machineFolders.compactMap { needle in
            var start = 0
            while let offset = needle.offset(in: line, from: start) {
                if offset == 0 || !line[offset - 1].continuesPath {
                    return Finding(
                        .machinePath, at: path, line: number, "names \(needle.text)",
                        instead: "write a path relative to the repository, or ask for it")
                }
                start = offset + 1
            }
            return nil
        }
    }

    private static func addresses(_ line: [UInt8], _ path: String, _ number: Int) -> [Finding] {
        let allowed = allowedAnywhere + (path.hasSuffix(".md") ? allowedInDocuments : [])
        return schemes.flatMap { scheme in
            var found: [Finding] = []
            var start = 0
            while let offset = scheme.offset(in: line, from: start) {
                start = offset + scheme.text.utf8.count
                let rest = String(decoding: line[start...].prefix { $0.isInAddress }, as: UTF8.self)
                if !rest.isEmpty, !allowed.contains(where: { rest.hasPrefix($0) }) {
                    found.append(
                        Finding(
                            .hostName, at: path, line: number, "leads to \(rest)",
                            instead: "cite the specification by name and section"))
                }
            }
            return found
        }
    }

    private static func mirrors(_ line: [UInt8], _ path: String, _ number: Int) -> [Finding] {
        mirrors.filter { $0.offset(in: line, from: 0) != nil }.map {
            Finding(
                .hostName, at: path, line: number, "names \($0.text)",
                instead: "ask the machine's own package manager")
        }
    }
}

extension UInt8 {
    /// Whether a `/` after this byte continues a path instead of beginning one.
    fileprivate var continuesPath: Bool {
        isWordByte || [UInt8(ascii: "."), UInt8(ascii: "}"), UInt8(ascii: ")")].contains(self)
            || [UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "~")].contains(self)
    }

    fileprivate var isInAddress: Bool {
        isWordByte || [UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-")].contains(self)
    }
}
