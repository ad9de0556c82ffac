/// Modules import downwards, only what the manifest declares, and nothing in a circle.
package enum LayerCheck {
    private static let standardModules: Set<String> = ["Swift", "Synchronization"]
    private static let testModules: Set<String> = ["Testing"]
    private static let foundationModules: Set<String> = [
        "Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch",
    ]
    private static let systemModules: Set<String> = ["Glibc", "Musl", "Darwin", "SystemPackage"]
    private static let products: Set<String> = [
        "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals", "BasicContainers",
        "FlyingFox", "FlyingSocks",
    ]

    package static func findings(in repository: Repository) -> [Finding] {
        let manifest = Manifest(of: repository)
        let imports = importsByModule(in: repository, manifest)
        return manifestFindings(repository, manifest) + cycleFindings(manifest)
            + imports.flatMap { use in importFindings(use, repository, manifest) }
            + unusedFindings(imports, manifest)
    }

    private struct Use {
        let module: Module
        let path: String
        let statement: ImportStatement
    }

    private static func importsByModule(
        in repository: Repository, _ manifest: Manifest
    ) -> [Use] {
        repository.swiftFiles(under: ["Sources/", "Tests/", "Tools/"]).flatMap { file in
            guard let module = manifest.module(holding: file.path) else { return [Use]() }
            return ImportStatement.all(in: file).map {
                Use(module: module, path: file.path, statement: $0)
            }
        }
    }

    private static func manifestFindings(
        _ repository: Repository, _ manifest: Manifest
    ) -> [Finding] {
        var findings: [Finding] = []
        for module in manifest.modules {
            if module.layer == nil {
                findings.append(
                    Finding(
                        .manifest, at: Manifest.path, line: module.line,
                        "\(module.name) stands in no layer",
                        instead: "put it below a line `// MARK: Layer N — words`"))
            }
            if !repository.contains(module.folder) {
                findings.append(
                    Finding(
                        .manifest, at: Manifest.path, line: module.line,
                        "\(module.folder) does not exist", instead: "name the target's folder"))
            }
            for product in module.products where !products.contains(product) {
                findings.append(
                    Finding(
                        .manifest, at: Manifest.path, line: module.line,
                        "\(module.name) depends on the product \(product)",
                        instead: "use one of \(products.sorted().joined(separator: ", "))"))
            }
        }
        let strays = repository.swiftFiles(under: ["Sources/", "Tests/", "Tools/"])
            .filter { !manifest.modules.isEmpty && manifest.module(holding: $0.path) == nil }
        return findings
            + strays.map {
                Finding(
                    .manifest, at: $0.path, "belongs to no target",
                    instead: "move it into a target's folder or remove it")
            }
    }

    private static func importFindings(
        _ use: Use, _ repository: Repository, _ manifest: Manifest
    ) -> [Finding] {
        let name = use.statement.module
        guard let layer = use.module.layer, name != use.module.name else { return [] }
        func finding(_ rule: TidyRule, _ text: String, instead: String) -> [Finding] {
            [Finding(rule, at: use.path, line: use.statement.line, text, instead: instead)]
        }
        if let target = manifest.module(named: name) {
            return moduleFindings(use, target, repository, manifest, finding)
        }
        if standardModules.contains(name) { return [] }
        if testModules.contains(name) {
            return layer == .tests || layer == .beside
                ? []
                : finding(.importUndeclared, "imports \(name)", instead: "move it to the tests")
        }
        if foundationModules.contains(name) {
            return layer.mayUseFoundation
                ? []
                : finding(
                    .importFoundation, "\(layer.title) imports \(name)",
                    instead: "use the standard library, or a type of LinuxKernel from above")
        }
        if systemModules.contains(name) {
            return manifest.isAtLinuxBoundary(use.path)
                ? [] : finding(.importC, cText(layer, name), instead: cAdvice)
        }
        return use.module.products.contains(name)
            ? []
            : finding(
                .importUndeclared, "imports \(name), which \(use.module.name) does not declare",
                instead: "declare it in Package.swift, or do without")
    }

    private static func moduleFindings(
        _ use: Use, _ target: Module, _ repository: Repository, _ manifest: Manifest,
        _ finding: (TidyRule, String, String) -> [Finding]
    ) -> [Finding] {
        guard let layer = use.module.layer, let other = target.layer else { return [] }
        var findings: [Finding] = []
        if !use.module.modules.contains(target.name) {
            findings += finding(
                .importUndeclared,
                "imports \(target.name), which \(use.module.name) does not declare",
                "declare it in Package.swift, or do without")
        }
        if !layer.mayImport(other) {
            findings += finding(
                .importUpward, "\(layer.title) imports \(target.name) of \(other.title)",
                "declare a port in \(use.module.name) and adapt it above")
        }
        if isC(target, repository), !manifest.isAtLinuxBoundary(use.path) {
            findings += finding(.importC, cText(layer, target.name), cAdvice)
        }
        return findings
    }

    private static let cAdvice = "wrap what is needed in LinuxKernel"

    private static func cText(_ layer: Layer, _ name: String) -> String {
        "\(layer.title) imports the C module \(name)"
    }

    private static func isC(_ module: Module, _ repository: Repository) -> Bool {
        repository.files.contains {
            $0.path.hasPrefix(module.folder + "/") && $0.path.hasSuffix(".h")
        }
    }

    /// A declared dependency that no source imports keeps a false arrow in the picture.
    private static func unusedFindings(_ uses: [Use], _ manifest: Manifest) -> [Finding] {
        manifest.modules.filter { $0.layer != .tests }.flatMap { module in
            let imported = Set(
                uses.filter { $0.module.name == module.name }.map(\.statement.module))
            let declared = module.modules + module.products
            return declared.filter { !imported.contains($0) && !imported.isEmpty }.map { name in
                Finding(
                    .importUnused, at: Manifest.path, line: module.line,
                    "\(module.name) declares \(name) and never imports it",
                    instead: "remove the dependency")
            }
        }
    }

    private static func cycleFindings(_ manifest: Manifest) -> [Finding] {
        manifest.modules.filter { reaches($0.name, from: $0, manifest) }.map { module in
            let path = module.modules.joined(separator: ", ")
            return Finding(
                .importCycle, at: Manifest.path, line: module.line,
                "\(module.name) depends on itself through \(path)",
                instead: "move what both need one layer down")
        }
    }

    private static func reaches(
        _ goal: String, from start: Module, _ manifest: Manifest
    ) -> Bool {
        var visited: Set<String> = []
        var waiting = start.modules
        while let name = waiting.popLast() {
            if name == goal { return true }
            if visited.insert(name).inserted {
                waiting += manifest.module(named: name)?.modules ?? []
            }
        }
        return false
    }
}
