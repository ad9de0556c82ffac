/// What a guest said: its lines `CARILLON key value`, and everything around them.
package struct GuestReport: Sendable {
    /// One line of a guest. Many values are themselves lists of `name=value`.
    package struct Line: Sendable, Equatable {
        package let key: String
        package let value: String

        /// The value of one `name=value` in the line, up to the next space.
        package func field(_ name: String) -> String? {
            guard let range = " \(value)".firstRange(of: " \(name)=") else { return nil }
            let rest = " \(value)"[range.upperBound...]
            return rest.prefix { $0 != " " }.description
        }
    }

    /// The guest's lines in order.
    package let lines: [Line]
    /// All that came over the serial port.
    package let serial: String
    /// QEMU's own messages.
    package let diagnostics: String
    /// How QEMU ended: 0 after the guest's power-off.
    package let qemuStatus: Int32

    package init(serial: String, diagnostics: String, qemuStatus: Int32) {
        self.serial = serial
        self.diagnostics = diagnostics
        self.qemuStatus = qemuStatus
        lines = serial.split(whereSeparator: \.isNewline).compactMap { text in
            let words = text.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, words[0] == "CARILLON" else { return nil }
            return Line(key: "\(words[1])", value: words.count > 2 ? "\(words[2])" : "")
        }
    }

    /// The scenario ran to its end and found everything in order.
    package var isDone: Bool { self["done"] == "0" && qemuStatus == 0 }

    /// The value of the last line with this key.
    package subscript(key: String) -> String? {
        lines.last { $0.key == key }?.value
    }

    /// All lines with this key, in order.
    package func all(_ key: String) -> [Line] {
        lines.filter { $0.key == key }
    }

    /// The guest's count of one interrupt, from `/proc/interrupts`.
    ///
    /// - Parameters:
    ///   - name: the action, for example "virtio0-input".
    ///   - moment: "before" or "after" the scenario's work.
    package func interruptCount(_ name: String, _ moment: String) -> Int? {
        all("interrupts.\(moment)")
            .first { $0.field("name") == name }
            .flatMap { $0.field("count") }
            .flatMap { Int($0) }
    }
}
