import MessageSignaledInterrupts

/// Everything that can happen to an interrupt pin.
enum INTxOperation: Hashable, Sendable {
    case assert, deassert, reset
    case set(UInt8, Bool)

    static let all: [Self] =
        [.assert, .deassert, .reset]
        + [0, 1, 2, 3, 4].flatMap { bit in
            [Self.set(1 << bit, true), Self.set(1 << bit, false)]
        }

    static func set(_ obstacle: INTxFunction.Obstacles, _ present: Bool) -> Self {
        .set(obstacle.rawValue, present)
    }

    /// Performs the operation; returns whether the receiver must be told.
    func perform(on function: inout INTxFunction) -> Bool {
        switch self {
        case .assert: return function.assert()
        case .deassert: function.deassert()
        case .reset: function.reset()
        case .set(let bit, let present): return function.set(.init(rawValue: bit), present)
        }
        return false
    }
}

/// An interrupt pin once more, as nothing but its history: every answer is read off backwards.
struct ShadowINTx {
    /// What was done, and what it was found to mean.
    enum Entry: Hashable {
        case began, ended, joined, told, toldAgain, withdrawn, lostInReset, reset, receiverLeft
        case stated(UInt8, Bool)
    }

    /// Everything that what follows can depend on.
    struct Key: Hashable {
        let obstacles: UInt8
        let cause: Bool
        let pending: Bool
    }

    private var history: [Entry] = []

    var key: Key { Key(obstacles: obstacles.rawValue, cause: causeHolds, pending: isPending) }

    func count(_ entry: Entry) -> UInt64 { UInt64(history.lazy.filter { $0 == entry }.count) }

    var causeHolds: Bool { history.last { $0 == .began || $0 == .ended } == .began }

    var isPending: Bool {
        history.last { [.began, .told, .ended].contains($0) } == .began
    }

    var obstacles: INTxFunction.Obstacles {
        INTxFunction.Obstacles(
            rawValue: [1, 2, 4, 8, 16].filter(holds).reduce(0, +))
    }

    private func holds(_ bit: UInt8) -> Bool {
        for entry in history.reversed() {
            switch entry {
            case .stated(bit, let present): return present
            case .reset where bit != INTxFunction.Obstacles.unbound.rawValue: return false
            case .told where bit == INTxFunction.Obstacles.masked.rawValue,
                .toldAgain where bit == INTxFunction.Obstacles.masked.rawValue:
                return true
            case .receiverLeft where bit == INTxFunction.Obstacles.masked.rawValue: return false
            default: continue
            }
        }
        return bit == INTxFunction.Obstacles.unbound.rawValue
    }

    mutating func perform(_ operation: INTxOperation) -> Bool {
        switch operation {
        case .assert: history.append(causeHolds ? .joined : .began)
        case .deassert: end(.withdrawn)
        case .reset:
            end(.lostInReset)
            history.append(.reset)
        case .set(let bit, let present):
            let unbound = INTxFunction.Obstacles.unbound.rawValue
            if bit == unbound, present, !holds(unbound) { history.append(.receiverLeft) }
            history.append(.stated(bit, present))
        }
        guard causeHolds, obstacles.isEmpty else { return false }
        history.append(isPending ? .told : .toldAgain)
        return true
    }

    private mutating func end(_ fate: Entry) {
        if isPending { history.append(fate) }
        if causeHolds { history.append(.ended) }
    }
}
