/// One result, and what it is compared with.
struct Figure: Codable {
    /// The measurement that it belongs to.
    let name: String
    /// What was measured.
    let what: String
    /// The result.
    let value: Double
    let unit: String
    /// The same by bare system calls, in the same unit.
    var floor: Double?
    /// The result divided by the floor: the median over rounds, each with a floor of its own.
    var ratio: Double?
    /// What it should be, in words.
    let aim: String
    /// Whether it is.
    let isReached: Bool
}

/// Samples of one quantity.
struct Samples {
    private(set) var values: [Double] = []

    mutating func append(_ value: Double) { values.append(value) }

    /// The value in the middle; of an even number, the mean of the two.
    var median: Double {
        precondition(!values.isEmpty, "a median is of something")
        let sorted = values.sorted()
        return (sorted[(values.count - 1) / 2] + sorted[values.count / 2]) / 2
    }
}

/// A quantity and its floor, measured alternately.
struct PairedSamples {
    private(set) var value = Samples()
    private(set) var floor = Samples()
    private(set) var ratio = Samples()

    mutating func append(_ value: Double, floor: Double) {
        self.value.append(value)
        self.floor.append(floor)
        ratio.append(value / floor)
    }
}
