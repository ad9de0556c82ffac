import Testing
import VFIOUserWire

@Suite struct JSONReaderTests {
    private func read(_ text: String) throws(JSONRefusal) -> JSONValue {
        try JSONReader.read(Array(text.utf8))
    }

    @Test(
        arguments: [
            ("null", .null), ("true", .bool(true)), (" false\n", .bool(false)),
            ("0", .unsigned(0)), ("18446744073709551615", .unsigned(.max)),
            ("18446744073709551616", .number(0x1p64)), ("-1", .number(-1)),
            ("4096.0", .number(4096)), ("1e3", .number(1000)), ("2E-1", .number(0.2)),
            ("1.5e+2", .number(150)), (#""""#, .string("")), (#""a/b""#, .string("a/b")),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
            (#""\u0041\u00e9\uD83D\uDE00""#, .string("Aé😀")), (#""é😀""#, .string("é😀")),
            ("[]", .array([])), ("[1, [true]]", .array([.unsigned(1), .array([.bool(true)])])),
            ("{}", .object([])),
            (
                #"{ "a" : 1 , "b" : null }"#,
                .object([.init(name: "a", value: .unsigned(1)), .init(name: "b", value: .null)])
            ),
        ] as [(String, JSONValue)]
    )
    func valuesAreRead(text: String, value: JSONValue) throws {
        #expect(try read(text) == value)
    }

    @Test(
        arguments: [
            ("", .unexpectedEnd), ("  ", .unexpectedEnd), ("{", .unexpectedEnd),
            (#"{"a""#, .unexpectedEnd), (#"{"a":"#, .unexpectedEnd), ("[1,", .unexpectedEnd),
            ("tru", .unexpectedEnd), (#""abc"#, .unexpectedEnd), (#""\"#, .unexpectedEnd),
            (#""\u12"#, .unexpectedEnd), ("[1", .unexpectedEnd),
            ("x", .unexpectedByte(at: 0)), ("trux", .unexpectedByte(at: 3)),
            ("[,]", .unexpectedByte(at: 1)), ("[1 2]", .unexpectedByte(at: 3)),
            ("{1:2}", .unexpectedByte(at: 1)), (#"{"a" 1}"#, .unexpectedByte(at: 5)),
            (#"{"a":1 "b":2}"#, .unexpectedByte(at: 7)), (#"{"a":1,}"#, .unexpectedByte(at: 7)),
            ("[1,]", .unexpectedByte(at: 3)), (#""\u00zz""#, .unexpectedByte(at: 5)),
            ("+1", .unexpectedByte(at: 0)), (".5", .unexpectedByte(at: 0)),
            ("NaN", .unexpectedByte(at: 0)),
            ("1 1", .trailingBytes(at: 2)), ("{}x", .trailingBytes(at: 2)),
            ("01", .malformedNumber(at: 0)), ("-", .malformedNumber(at: 0)),
            ("-x", .malformedNumber(at: 0)), ("1.", .malformedNumber(at: 0)),
            ("1e", .malformedNumber(at: 0)), ("[-01]", .malformedNumber(at: 1)),
            ("1e400", .numberOutOfRange(at: 0)),
            (#""\x""#, .unknownEscape(at: 1)), (#""\u""#, .unexpectedByte(at: 3)),
            (#""\ud800""#, .loneSurrogate(at: 1)), (#""\udc00""#, .loneSurrogate(at: 1)),
            (#""\ud800\u0041""#, .loneSurrogate(at: 1)), (#""\ud800\n""#, .loneSurrogate(at: 1)),
            ("\"\u{1}\"", .controlCharacter(at: 1)), ("\"\n\"", .controlCharacter(at: 1)),
        ] as [(String, JSONRefusal)]
    )
    func brokenTextsAreRefusedByName(text: String, refusal: JSONRefusal) {
        #expect(throws: refusal) { try read(text) }
        #expect(!refusal.name.isEmpty)
        #expect(!refusal.description.isEmpty)
    }

    // Not an argument above: the test run prints those, and a NUL would cut the line.
    @Test func aNULIsNoPartOfAText() {
        #expect(throws: JSONRefusal.unexpectedByte(at: 0)) { try read("\u{0}") }
        #expect(throws: JSONRefusal.trailingBytes(at: 1)) { try read("1\u{0}") }
    }

    @Test(arguments: [[0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0, 0, 0], [0xc3]])
    func invalidUTF8IsRefused(bytes: [UInt8]) {
        let text = [0x22] + bytes.filter { $0 != 0 } + [0x22]
        #expect(throws: JSONRefusal.invalidUTF8(at: 0)) { try JSONReader.read(text) }
    }

    @Test func nestingIsReadToEightLevels() throws {
        let opening = String(repeating: "[", count: 8)
        let closing = String(repeating: "]", count: 8)
        #expect(throws: Never.self) { try read(opening + closing) }
        #expect(throws: JSONRefusal.tooDeep(at: 8)) { try read("[\(opening)\(closing)]") }
        let objects = String(repeating: #"{"a":"#, count: 9)
        #expect(throws: JSONRefusal.tooDeep(at: 40)) { try read(objects) }
    }

    @Test func textsAreReadTo4KiB() throws {
        let longest = Array(repeating: UInt8(ascii: " "), count: 4095) + [UInt8(ascii: "1")]
        #expect(try JSONReader.read(longest) == .unsigned(1))
        #expect(throws: JSONRefusal.textTooLong) { try JSONReader.read([0x20] + longest) }
    }

    @Test func theLastOfEqualNamesCounts() throws {
        let value = try read(#"{"a":1,"b":2,"a":3}"#)
        #expect(value["a"] == .unsigned(3))
        #expect(value["c"] == nil)
        #expect(JSONValue.null["a"] == nil)
    }

    @Test(
        arguments: [
            ("4096", 4096), ("4096.0", 4096), ("4.096e3", 4096), ("-0", 0), ("0.5", nil),
            ("-1", nil), ("9007199254740992.0", 0x20_0000_0000_0000),
            ("9007199254740994.0", nil), ("1e300", nil), ("true", nil), (#""1""#, nil),
        ] as [(String, UInt64?)]
    )
    func wholeNumbersAreTakenHoweverWritten(text: String, number: UInt64?) throws {
        #expect(try read(text).unsignedValue == number)
    }

    @Test func everyByteInEveryPlaceIsReadOrRefused() throws {
        let text = Array(#"{"a":[1.5e2,"\u0041é"],"b":{"c":null}}"#.utf8)
        _ = try JSONReader.read(text)
        var readable = 0
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[position] = byte
                do throws(JSONRefusal) {
                    _ = try JSONReader.read(changed)
                    readable += 1
                } catch {
                    #expect(!error.name.isEmpty)
                }
            }
        }
        #expect(readable > text.count)
    }
}
