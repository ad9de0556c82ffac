/// Where the registers of a DSA lie in BAR 0 (version 1; `docs/specifications/dsa.md`). Registers
/// of 8 bytes can be accessed by their halves.
enum DSARegister {
    static let version = 0x00
    static let generalCapabilities = 0x10
    static let queueCapabilities = 0x20
    static let groupCapabilities = 0x30
    static let engineCapabilities = 0x38
    static let operationCapabilities = 0x40
    static let tableOffsets = 0x60
    static let generalConfiguration = 0x80
    static let generalControl = 0x88
    static let generalStatus = 0x90
    static let interruptCause = 0x98
    static let command = 0xa0
    static let commandStatus = 0xa8
    static let commandCapabilities = 0xb0
    static let softwareError = 0xc0

    /// Version 1.0.
    static let versionNumber: UInt32 = 0x100
}

/// Where tables lie in BAR 0 of this model, each within a unit of its own.
enum DSALayout {
    static let unit = 0x100
    static let permissions = 0x300
    static let groups = 0x400
    static let queues = 0x500
    static let msixTable = 0x2000
    static let msixPending = 0x3000
    static let registersBytes: UInt64 = 0x4000

    static let permissionBytes = 8
    static let groupBytes = 64
    static let queueBytes = 32

    static let portalPage = 0x1000
    /// Pages of each queue: unlimited and limited for MSI-X, unlimited and limited for a message
    /// store.
    static let portalsPerQueue = 4
    static let descriptorBytes = 64
}

/// What a driver can have the device do by the command register.
enum DSACommand: UInt32, CaseIterable {
    case enableDevice = 1
    case disableDevice = 2
    case drainAll = 3
    case abortAll = 4
    case resetDevice = 5
    case enableQueue = 6
    case disableQueue = 7
    case drainQueue = 8
    case abortQueue = 9
    case resetQueue = 10
    case drainPASID = 11
    case abortPASID = 12
    case requestInterruptHandle = 13
    case releaseInterruptHandle = 14
}

/// Why a command was not done, as the command status register says it.
enum DSACommandError: UInt32, Error, CaseIterable {
    case invalidCommand = 0x01
    case invalidQueue = 0x02
    case hardware = 0x03
    case deviceEnabled = 0x10
    case configuration = 0x11
    case busMasterDisabled = 0x12
    case invalidPASID = 0x13
    case queueSizes = 0x14
    case queueGroups = 0x15
    case engineGroups = 0x16
    case groupMembers = 0x17
    case readBuffers = 0x18
    case deviceNotEnabled = 0x20
    case queueEnabled = 0x21
    case queueSize = 0x22
    case queuePriority = 0x23
    case queueMode = 0x24
    case blockOnFault = 0x25
    case pasidEnable = 0x26
    case batchSize = 0x27
    case transferSize = 0x28
    case nothingToDisable = 0x31
    case notEnabled = 0x32
    case invalidInterruptIndex = 0x41
    case noHandle = 0x42
}

/// Why vector 0 interrupts, as the interrupt cause register says it.
enum DSACause {
    static let softwareError: UInt32 = 1 << 0
    static let commandDone: UInt32 = 1 << 1
    static let halt: UInt32 = 1 << 4
    static let handlesRevoked: UInt32 = 1 << 31
}

/// The device's state, as the general status register says it.
public enum DSAState: UInt32, Hashable, Sendable {
    /// It takes no descriptors and can be configured.
    case disabled = 0
    /// Its queues can be enabled.
    case enabled = 1
    /// It goes to `disabled` when its queues are empty.
    case draining = 2
    /// Something went wrong for good: it waits for a reset.
    case halted = 3
}
