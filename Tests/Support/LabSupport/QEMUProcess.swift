import TestTraits

/// A running QEMU. It has only the devices its arguments name, and it dies with this object.
package final class QEMUProcess: Sendable {
    private let process: ChildProcess

    /// Starts QEMU's q35 machine.
    ///
    /// The machine's RAM is shared memory, because a vfio-user server that is handed private memory
    /// reads zeros from it and learns of no error. RAM that no file stands behind is named without
    /// a descriptor, and reached by messages only.
    ///
    /// - Parameters:
    ///   - sharesMemory: whether a memory file stands behind the machine's RAM.
    ///   - arguments: what is added to the machine: accelerator, devices, kernel.
    ///   - takesInput: whether the guest can be talked to over its serial port.
    package init(
        lab: Lab, memoryMebibytes: Int, sharesMemory: Bool = true, arguments: [String],
        takesInput: Bool = false
    ) throws(LabError) {
        let memory =
            sharesMemory
            ? [
                "-M", "q35,memory-backend=mem",
                "-object", "memory-backend-memfd,id=mem,size=\(memoryMebibytes)M,share=on",
            ] : ["-M", "q35"]
        let machine =
            [
                "-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none",
                "-m", "\(memoryMebibytes)",
            ] + memory
        process = try ChildProcess(lab.qemu, machine + arguments, takesInput: takesInput)
    }

    /// Everything the first serial port sent so far, if it is `-serial stdio`.
    package var serial: String { process.outputText }

    /// QEMU's own messages so far.
    package var diagnostics: String { process.errorText }

    /// Waits until QEMU has ended and its output is complete.
    ///
    /// - Returns: its exit status, 128 plus the number of the signal that ended it, or nil when it
    ///   still ran after that time.
    package func waitForExit(timeoutSeconds: Double = Patience.seconds) -> Int32? {
        process.waitForExit(timeoutSeconds: timeoutSeconds)
    }

    /// Waits until the serial port has sent a text; false when QEMU ended without or time is up.
    package func waitForSerial(_ text: String, timeoutSeconds: Double = Patience.seconds) -> Bool {
        process.waitForOutput(text, timeoutSeconds: timeoutSeconds)
    }

    /// Says a line to the guest over its serial port, if that takes input.
    package func say(_ line: String) { process.say(line) }

    /// Waits until QEMU has complained in these words; false when it ended without or time is up.
    package func waitForDiagnostics(_ text: String, timeoutSeconds: Double = Patience.seconds)
        -> Bool
    {
        process.waitForErrorOutput(text, timeoutSeconds: timeoutSeconds)
    }

    /// Ends QEMU at once. A vfio-user server sees its socket close, as with any end of QEMU.
    package func kill() {
        process.kill()
    }
}
