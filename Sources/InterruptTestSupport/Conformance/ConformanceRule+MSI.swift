import Registers

/// The rules of `docs/specifications/msi.md` and `intx.md` that registers and messages show.
extension ConformanceRule {
    static let msiPowerOn: [ConformanceRule] = [
        ConformanceRule("MSI-3", "registers after power-on", .msi) { driver in
            driver.expect("control", try driver.messageControl() & 0x71, 0)
            for offset in [4, 8] { driver.expect("at \(offset)", try driver.readMSI(offset), 0) }
        }
    ]

    static let msiRegisters: [ConformanceRule] = [
        ConformanceRule("MSI-4", "Message Control by byte, word and DWORD", .msi) { driver in
            try driver.readyMSI(enable: false)
            let fixed = try driver.messageControl()
            try driver.setMessageControl(1, .byte)
            driver.expect("by byte", try driver.messageControl(), fixed | 1)
            try driver.setMessageControl(0, .word)
            driver.expect("by word", try driver.messageControl(), fixed)
            try driver.writeMSI(0, 0x1_0000)
            driver.expect("by DWORD", try driver.messageControl(), fixed | 1)
        },
        ConformanceRule("MSI-5", "read-only bits of Message Control", .msi) { driver in
            try driver.readyMSI(enable: false)
            let before = try driver.messageControl()
            try driver.setMessageControl(~before & 0xfb8e)
            driver.expect("control", try driver.messageControl(), before)
        },
        ConformanceRule("MSI-10", "Mask Bits beyond the messages", .msi, Needs(masking: true)) {
            driver in
            try driver.readyMSI()
            let messages = 1 << Int(try driver.messageControl() >> 1 & 7)
            guard messages < 32 else { return }
            try driver.setMask(0xffff_ffff)
            driver.expect("Mask Bits", try driver.messageMask(), 1 << UInt64(messages) - 1)
            try driver.setMask(0)
        },
        ConformanceRule("MSI-12", "Multiple Message Enable beyond Capable", .msi) { driver in
            try driver.readyMSI()
            let capable = try driver.messageControl() >> 1 & 7
            for encoding in UInt64(0)...7 {
                try driver.setMSI(enable: true, exponent: encoding)
                driver.expect(
                    "written \(encoding)", try driver.messageControl() >> 4 & 7,
                    min(encoding, capable))
            }
            try driver.setMSI(enable: false)
        },
        ConformanceRule("MSI-15", "bits 1:0 of Message Address", .msi) { driver in
            try driver.readyMSI(enable: false)
            try driver.writeMSI(4, driver.address(0) & 0xffff_ffff | 3)
            driver.expect(
                "Message Address", try driver.readMSI(4), driver.address(0) & 0xffff_ffff)
        },
    ]

    static let msiDelivery: [ConformanceRule] = [
        ConformanceRule("MSI-6", "an enabled message", .msi) { driver in
            try driver.readyMSI()
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSI-7", "the upper half of the data", .msi) { driver in
            try driver.readyMSI(data: 0xffff)
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [0xffff])
        },
        ConformanceRule("MSI-14", "the low bits of the data", .msi, Needs(messages: 2)) { driver in
            try driver.readyMSI(exponent: 1, data: 0x4321)
            try driver.subject.fire(0)
            try driver.expectMessages("message 0", at: 0, [0x4320])
            guard driver.subject.sources > 1 else { return }
            try driver.subject.fire(1)
            try driver.expectMessages("message 1", at: 0, [0x4321])
        },
        ConformanceRule("MSI-8", "mask, fire, unmask", .msi, Needs(masking: true)) { driver in
            try driver.readyMSI()
            try driver.setMask(1)
            try driver.subject.fire(0)
            try driver.expectMessages("masked", at: 0, [])
            driver.expect("pending", try driver.pendingMessages(), 1)
            try driver.setMask(0)
            try driver.expectMessages("unmasked", at: 0, [driver.data(0)])
            driver.expect("pending afterwards", try driver.pendingMessages(), 0)
        },
        ConformanceRule("MSI-16", "a new address without data while live", .msi) { driver in
            try driver.readyMSI()
            try driver.writeMSI(4, driver.address(8) & 0xffff_ffff)
            try driver.subject.fire(0)
            try driver.expectMessages("at the old address", at: 0, [driver.data(0)])
            try driver.setMessage(driver.address(8), data: 0x777)
            _ = try driver.subject.withdraw(0)
            try driver.subject.fire(0)
            try driver.expectMessages("at the new address", at: 8, [0x777])
        },
        ConformanceRule(
            "MSI-17", "a cause that ends under a mask", .msi,
            Needs(masking: true, withdrawal: true)
        ) { driver in
            try driver.readyMSI()
            try driver.setMask(1)
            try driver.subject.fire(0)
            _ = try driver.subject.withdraw(0)
            driver.expect("pending", try driver.pendingMessages(), 0)
            try driver.setMask(0)
            try driver.expectMessages("unmasked", at: 0, [])
        },
        ConformanceRule("MSI-18", "a cause that goes on", .msi, Needs(masking: true)) { driver in
            try driver.readyMSI()
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [driver.data(0)])
            try driver.setMask(1)
            try driver.setMask(0)
            try driver.expectMessages("after masking", at: 0, [])
        },
        ConformanceRule("MSI-19", "an event before Enable", .msi) { driver in
            try driver.readyMSI(enable: false)
            try driver.subject.fire(0)
            try driver.expectMessages("before", at: 0, [])
            try driver.setMSI(enable: true)
            try driver.expectMessages("after Enable", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSI-20", "an event without Bus Master Enable", .msi) { driver in
            try driver.readyMSI()
            try driver.setCommand(busMaster: false)
            try driver.subject.fire(0)
            try driver.expectMessages("without", at: 0, [])
            try driver.setCommand()
            try driver.expectMessages("with", at: 0, [driver.data(0)])
        },
    ]

    static let pin: [ConformanceRule] = [
        ConformanceRule("INTX-6", "Interrupt Status and Interrupt Disable", .pin) { driver in
            try driver.readyPin()
            driver.expect("status before", try driver.interruptStatus, 0)
            try driver.subject.fire(0)
            driver.expect("status", try driver.interruptStatus, 1)
            try driver.setCommand(interruptDisable: true)
            driver.expect("status while disabled", try driver.interruptStatus, 1)
            try driver.setCommand()
        },
        ConformanceRule("INTX-15", "Interrupt Status while messages are enabled", .pin) { driver in
            try driver.readyPin()
            guard driver.hasMessages else { return }
            try driver.subject.fire(0)
            try driver.enableMessages()
            driver.expect("status", try driver.interruptStatus, 1)
        },
        ConformanceRule("INTX-5", "a cause that ends", .pin, Needs(withdrawal: true)) { driver in
            try driver.readyPin()
            try driver.subject.fire(0)
            _ = try driver.subject.withdraw(0)
            driver.expect("status", try driver.interruptStatus, 0)
        },
    ]
}
