/// A rule of the repository; the raw value is its name in reports and in the exception list.
public enum TidyRule: String, CaseIterable, Sendable {
    // Modules and layers.
    case manifest = "manifest"
    case importUpward = "import-upward"
    case importUndeclared = "import-undeclared"
    case importUnused = "import-unused"
    case importCycle = "import-cycle"
    case importFoundation = "import-foundation"
    case importC = "import-c"
    case unsafePlace = "unsafe-place"
    case unsafeReason = "unsafe-reason"

    // Budgets.
    case fileLength = "file-length"
    case fileSize = "file-size"
    case functionLength = "function-length"
    case lineLength = "line-length"
    case parameterCount = "parameter-count"

    // Names and tokens.
    case bannedName = "banned-name"
    case bannedWord = "banned-word"
    case sleepInTest = "sleep-in-test"
    case printInLibrary = "print-in-library"
    case uncheckedSendable = "unchecked-sendable"
    case machinePath = "machine-path"
    case hostName = "host-name"

    // Documentation.
    case brokenLink = "broken-link"
    case missingPath = "missing-path"
    case missingMakeTarget = "missing-make-target"
    case repeatedRuleNumber = "repeated-rule-number"
    case unnamedModule = "unnamed-module"

    // Specifications and their tests.
    case unknownRule = "unknown-rule"
    case untestedRule = "untested-rule"

    // The exception list itself.
    case exceptionList = "exception-list"
}
