/// Finds declarations in code without comments and literals by counting brackets.
struct DeclarationScanner {
    private struct Pending {
        var declaration: Declaration
        let depth: Int
        /// The bracket depth of the parameter list while it is being read.
        var listDepth: Int?
        var hasList = false
    }

    private struct Block {
        let declaration: Declaration?
        let outer: Pending?
    }

    private(set) var declarations: [Declaration] = []

    private let code: [UInt8]
    private var position = 0
    private var line = 1
    private var depth = 0
    private var pending: Pending?
    private var blocks: [Block] = []
    private var previousWord = ""

    private static let keywords: [String: Declaration.Kind] = [
        "func": .function, "init": .function, "deinit": .function, "subscript": .function,
        "var": .property, "struct": .type, "class": .type, "enum": .type, "actor": .type,
        "protocol": .type, "extension": .type,
    ]

    init(_ code: [UInt8]) { self.code = code }

    mutating func run() {
        while position < code.count { step() }
        finishPending()
        declarations.sort { $0.line < $1.line }
    }

    private mutating func step() {
        let byte = code[position]
        if byte.isWordByte {
            readWord()
            return
        }
        switch byte {
        case UInt8(ascii: "\n"): line += 1
        case UInt8(ascii: "("), UInt8(ascii: "["): openBracket(byte)
        case UInt8(ascii: ")"), UInt8(ascii: "]"): closeBracket()
        case UInt8(ascii: "{"): openBlock()
        case UInt8(ascii: "}"): closeBlock()
        case UInt8(ascii: ":"):
            if pending?.listDepth == depth { pending?.declaration.parameterCount += 1 }
        case UInt8(ascii: "="):
            // `var x = f { … }` is a stored value: the braces are a closure's.
            if pending?.declaration.kind == .property, pending?.depth == depth { pending = nil }
        default: break
        }
        position += 1
    }

    private mutating func readWord() {
        let start = position
        while position < code.count, code[position].isWordByte { position += 1 }
        let word = String(decoding: code[start..<position], as: UTF8.self)
        let follows = nextVisible()
        let before = start > 0 ? code[start - 1] : 0
        defer { previousWord = word }
        guard let kind = Self.keywords[word], before != UInt8(ascii: "."),
            before != UInt8(ascii: "`"), before != UInt8(ascii: "@"),
            follows != UInt8(ascii: ":"), previousWord != "import"
        else { return }
        // `class func` and a variable called `actor` are not types.
        if kind == .type, !follows.isWordByte || (word == "actor" && !follows.isCapital) { return }
        let isNamed = kind != .function || word == "func"
        finishPending()
        let name = isNamed ? nextName() : word
        pending = Pending(
            declaration: Declaration(kind: kind, name: name, line: line, lastLine: line),
            depth: depth)
    }

    private func nextVisible() -> UInt8 {
        var index = position
        while index < code.count, code[index] == UInt8(ascii: " ") { index += 1 }
        return index < code.count ? code[index] : 0
    }

    private func nextName() -> String {
        var start = position
        while start < code.count, code[start] == UInt8(ascii: " ") { start += 1 }
        var end = start
        while end < code.count, code[end].isWordByte { end += 1 }
        return String(decoding: code[start..<end], as: UTF8.self)
    }

    private mutating func openBracket(_ byte: UInt8) {
        depth += 1
        guard let open = pending, open.declaration.kind == .function, !open.hasList,
            open.depth == depth - 1, byte == UInt8(ascii: "(")
        else { return }
        pending?.hasList = true
        pending?.listDepth = depth
    }

    private mutating func closeBracket() {
        if pending?.listDepth == depth { pending?.listDepth = nil }
        depth -= 1
    }

    private mutating func openBlock() {
        if let open = pending, open.depth == depth {
            blocks.append(Block(declaration: open.declaration, outer: nil))
        } else {
            blocks.append(Block(declaration: nil, outer: pending))
        }
        pending = nil
    }

    private mutating func closeBlock() {
        finishPending()
        guard let block = blocks.popLast() else { return }
        pending = block.outer
        if var declaration = block.declaration {
            declaration.lastLine = line
            declarations.append(declaration)
        }
    }

    /// Records a declaration that turned out to have no body, such as a protocol's requirement.
    private mutating func finishPending() {
        if let open = pending, open.declaration.kind == .function {
            declarations.append(open.declaration)
        }
        pending = nil
    }
}

extension UInt8 {
    fileprivate var isCapital: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
}
