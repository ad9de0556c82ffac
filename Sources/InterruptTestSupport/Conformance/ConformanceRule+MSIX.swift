import Registers

/// The rules of `docs/specifications/msix.md` that registers and messages show.
extension ConformanceRule {
    static let msixPowerOn: [ConformanceRule] = [
        ConformanceRule("MSIX-3", "Enable and Function Mask after power-on", .msix) { driver in
            driver.expect("control", try driver.msixControl() & 0xc000, 0)
        },
        ConformanceRule("MSIX-7", "Mask Bits after power-on", .msix) { driver in
            try driver.setCommand()
            for vector in 0..<min(driver.vectorCount, 4) {
                driver.expect("Vector Control", try driver.readTable(vector, 12) & 1, 1)
            }
        },
        ConformanceRule("MSIX-8", "messages after power-on", .msix) { driver in
            try driver.setCommand()
            for register in [0, 4, 8] {
                driver.expect("register \(register)", try driver.readTable(0, register), 0)
            }
        },
    ]

    static let msixRegisters: [ConformanceRule] = [
        ConformanceRule("MSIX-2", "read-only bits of Message Control", .msix) { driver in
            try driver.readyMSIX(enable: false)
            let before = try driver.msixControl()
            try driver.subject.writeConfig(
                ~before & 0x3fff, at: driver.msixControlOffset(), .word)
            driver.expect("control", try driver.msixControl(), before)
        },
        ConformanceRule("MSIX-4", "Message Control by byte, word and DWORD", .msix) { driver in
            try driver.readyMSIX(enable: false)
            let offset = try driver.msixControlOffset()
            let size = try driver.msixControl() & 0x7ff
            try driver.subject.writeConfig(0xc0, at: offset + 1, .byte)
            driver.expect("by byte", try driver.msixControl(), 0xc000 | size)
            try driver.subject.writeConfig(0x8000, at: offset, .word)
            driver.expect("by word", try driver.msixControl(), 0x8000 | size)
            try driver.subject.writeConfig(0x4000_0000, at: offset - 2, .dword)
            driver.expect("by DWORD", try driver.msixControl(), 0x4000 | size)
        },
        ConformanceRule("MSIX-9", "Mask Bits under Function Mask", .msix, Needs(messages: 2)) {
            driver in
            try driver.readyMSIX()
            try driver.mask(1, true)
            try driver.setMSIX(enable: true, functionMask: true)
            let during = [try driver.readTable(0, 12) & 1, try driver.readTable(1, 12) & 1]
            try driver.setMSIX(enable: true)
            driver.expect("entry 0", during[0], 0)
            driver.expect("entry 1", during[1], 1)
        },
        ConformanceRule("MSIX-16", "reads by DWORD and QWORD", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.writeTable(0, 0, 0x1234_5670)
            try driver.writeTable(0, 4, 0x9abc_def0)
            try driver.writeTable(0, 8, 0x1122_3344)
            driver.expect("QWORD", try driver.readTable(0, 0, .qword), 0x9abc_def0_1234_5670)
            driver.expect("data", try driver.readTable(0, 8), 0x1122_3344)
        },
        ConformanceRule("MSIX-17", "accesses narrower than a DWORD", .msix) { driver in
            try driver.readyMSIX(masked: true)
            let before = try driver.readTable(0, 8)
            try driver.writeTable(0, 8, 0x55, .byte)
            try driver.writeTable(0, 10, 0x5555, .word)
            driver.expect("data", try driver.readTable(0, 8), before)
            driver.expect("a byte reads", try driver.readTable(0, 8, .byte), 0xff)
        },
        ConformanceRule("MSIX-19", "reserved bits of Vector Control", .msix) { driver in
            try driver.readyMSIX()
            try driver.writeTable(0, 12, 0xffff_fffe)
            driver.expect("Vector Control", try driver.readTable(0, 12), 0)
            try driver.subject.fire(0)
            try driver.expectMessages("unmasked sends", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSIX-20", "bits 1:0 of Message Address", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.writeTable(0, 0, driver.address(0) & 0xffff_ffff | 3)
            driver.expect(
                "Message Address", try driver.readTable(0, 0), driver.address(0) & 0xffff_ffff)
        },
        ConformanceRule("MSIX-21", "writes to the Pending Bit Array", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            try driver.writePending(0xfffe, .dword)
            try driver.writePending(0, .dword)
            driver.expect("pending", try driver.pendingBits() & 0xf, 1)
        },
        ConformanceRule("MSIX-23", "pending bits beyond the table", .msix) { driver in
            try driver.readyMSIX(masked: true)
            let size = UInt64(driver.vectorCount)
            guard size < 64 else { return }
            driver.expect("beyond", try driver.pendingBits() >> size, 0)
        },
    ]

    static let msixDelivery: [ConformanceRule] = [
        ConformanceRule("MSIX-6", "an unmasked vector", .msix) { driver in
            try driver.readyMSIX()
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [driver.data(0)])
            driver.expect("pending", try driver.pendingBits() & 0xf, 0)
        },
        ConformanceRule("MSIX-10", "mask, fire, unmask", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            try driver.expectMessages("masked", at: 0, [])
            driver.expect("pending", try driver.pendingBits() & 0xf, 1)
            try driver.mask(0, false)
            try driver.expectMessages("unmasked", at: 0, [driver.data(0)])
            driver.expect("pending afterwards", try driver.pendingBits() & 0xf, 0)
        },
        ConformanceRule("MSIX-11", "several events under a mask", .msix) { driver in
            try driver.readyMSIX(masked: true)
            for _ in 0..<3 { try driver.subject.fire(0) }
            try driver.mask(0, false)
            try driver.expectMessages("unmasked", at: 0, [driver.data(0)])
            try driver.mask(0, true)
            try driver.mask(0, false)
            try driver.expectMessages("once more", at: 0, [])
        },
        ConformanceRule("MSIX-12", "a new address without data while live", .msix) { driver in
            try driver.readyMSIX()
            try driver.writeTable(0, 0, driver.address(8) & 0xffff_ffff)
            try driver.subject.fire(0)
            try driver.expectMessages("at the old address", at: 0, [driver.data(0)])
            try driver.writeTable(0, 8, 0x777)
            try driver.subject.fire(0)
            try driver.expectMessages("at the new address", at: 8, [0x777])
        },
        ConformanceRule("MSIX-13", "a message changed under a mask", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            try driver.writeTable(0, 0, driver.address(8) & 0xffff_ffff)
            try driver.writeTable(0, 8, 0x777)
            try driver.mask(0, false)
            try driver.expectMessages("at the new address", at: 8, [0x777])
            try driver.expectMessages("at the old address", at: 0, [])
        },
        ConformanceRule("MSIX-15", "data and unmask in one QWORD", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            try driver.writeTable(0, 8, 0x888, .qword)
            try driver.expectMessages("sent", at: 0, [0x888])
        },
        ConformanceRule("MSIX-22", "reading pending bits consumes nothing", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            for _ in 0..<3 { driver.expect("pending", try driver.pendingBits() & 0xf, 1) }
            try driver.mask(0, false)
            try driver.expectMessages("unmasked", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSIX-25", "a cause that ends under a mask", .msix, Needs(withdrawal: true))
        { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            _ = try driver.subject.withdraw(0)
            driver.expect("pending", try driver.pendingBits() & 0xf, 0)
            try driver.mask(0, false)
            try driver.expectMessages("unmasked", at: 0, [])
        },
        ConformanceRule("MSIX-26", "a cause that goes on is no new event", .msix) { driver in
            try driver.readyMSIX()
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [driver.data(0)])
            try driver.mask(0, true)
            try driver.mask(0, false)
            try driver.expectMessages("after masking", at: 0, [])
        },
        ConformanceRule("MSIX-27", "an event before Enable", .msix) { driver in
            try driver.readyMSIX(enable: false)
            try driver.subject.fire(0)
            try driver.expectMessages("before", at: 0, [])
            try driver.setMSIX(enable: true)
            try driver.expectMessages("after Enable", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSIX-28", "what is pending survives Enable 0", .msix) { driver in
            try driver.readyMSIX(masked: true)
            try driver.subject.fire(0)
            try driver.setMSIX(enable: false)
            try driver.mask(0, false)
            try driver.expectMessages("disabled", at: 0, [])
            try driver.setMSIX(enable: true)
            try driver.expectMessages("enabled", at: 0, [driver.data(0)])
        },
        ConformanceRule("MSIX-29", "an event without Bus Master Enable", .msix) { driver in
            try driver.readyMSIX()
            try driver.setCommand(busMaster: false)
            try driver.subject.fire(0)
            try driver.expectMessages("without", at: 0, [])
            try driver.setCommand()
            try driver.expectMessages("with", at: 0, [driver.data(0)])
        },
        ConformanceRule(
            "MSIX-39", "two entries of one message", .msix, Needs(messages: 2, sources: 2)
        ) { driver in
            try driver.readyMSIX(masked: true)
            try driver.writeTable(1, 0, driver.address(0) & 0xffff_ffff)
            try driver.writeTable(1, 8, UInt64(driver.data(0)))
            for vector in 0..<2 {
                try driver.mask(vector, false)
                try driver.subject.fire(vector)
                try driver.expectMessages("entry \(vector)", at: 0, [driver.data(0)])
            }
        },
        ConformanceRule("MSIX-40", "an event without Memory Space Enable", .msix) { driver in
            try driver.readyMSIX()
            try driver.setCommand(memory: false)
            try driver.subject.fire(0)
            try driver.expectMessages("sent", at: 0, [driver.data(0)])
            try driver.setCommand()
        },
    ]
}
