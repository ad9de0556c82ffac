import PlatformTypes
import TestTraits
import Testing

/// The limits of the words that everything else is said in.
struct PlatformTypesTests {
    @Test(.rule("MSIX-1"))
    func aVectorIndexIsExactlyOneOfTheLargestTable() {
        for value in Int16.min...Int16.max {
            #expect(VectorIndex(value)?.index == ((0..<2048).contains(value) ? Int(value) : nil))
        }
        #expect(VectorIndex(UInt64.max) == nil)
        #expect(VectorIndex(UInt64(1) << 32) == nil)
        #expect(VectorIndex(Int.min) == nil)
        #expect(VectorIndex(UInt8.max)?.rawValue == 255)
    }

    @Test func vectorIndexesAreOrderedAndPrintAsNumbers() {
        let first: VectorIndex = 0
        let last: VectorIndex = 2047
        #expect(first < last)
        #expect(!(last < last))
        #expect("\(last)" == "2047")
    }

    @Test func anIOVAEndsWithTheAddressSpace() {
        #expect(IOVA(0).advanced(by: .max) == IOVA(.max))
        #expect(IOVA(.max).advanced(by: 0) == IOVA(.max))
        #expect(IOVA(.max).advanced(by: 1) == nil)
        #expect(IOVA(1).advanced(by: .max) == nil)
        #expect(IOVA(0xfff) < IOVA(0x1000))
        #expect("\(IOVA(0x1000))" == "0x1000")
    }

    @Test func aMessagePrintsItsDataAndItsAddress() {
        #expect("\(MSIMessage(address: 0x1_fee0_1000, data: 0x4021))" == "0x4021@0x1fee01000")
    }
}
