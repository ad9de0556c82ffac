import IRQDomains

/// A device's budget with its parent, which ends with this.
final class ParentAdmission {
    private let parent: VectorPool
    private let name: String
    private var budget: VectorBudget?

    init(_ placement: DevicePlacement) throws(VectorRefusal) {
        parent = placement.parent
        name = placement.name
        budget = placement.budget
        if let budget { try parent.admit(name, budget) }
    }

    /// The parent's name.
    var parentName: String { parent.name }

    /// Agrees upon another budget.
    func change(to budget: VectorBudget) throws(VectorRefusal) {
        try parent.admit(name, budget)
        self.budget = budget
    }

    /// Agrees upon a budget with another limit, and as much of the guarantee as that allows.
    func change(limit: Int) throws(VectorRefusal) {
        let guarantee = min(budget?.guarantee ?? 0, max(limit, 0))
        guard let budget = VectorBudget(guarantee: guarantee, limit: max(limit, 0)) else {
            preconditionFailure("a guarantee that is no more than its limit is one")
        }
        try change(to: budget)
    }

    deinit { if budget != nil { parent.dismiss(name) } }
}

extension ServedDevice {
    func changeBudget(to budget: VectorBudget) -> Result<Void, VFIOUserServer.BudgetError> {
        if let client { return .failure(.connected(process: client.process)) }
        do throws(VectorRefusal) {
            try admission.change(to: budget)
            return .success(())
        } catch { return .failure(.refused(error)) }
    }
}
