import IRQDomains

/// A device's budget with its parent, which ends with this.
final class ParentAdmission {
    private let parent: VectorPool
    private let name: String
    private var isAdmitted: Bool

    init(_ placement: DevicePlacement) throws(VectorRefusal) {
        parent = placement.parent
        name = placement.name
        isAdmitted = placement.budget != nil
        if let budget = placement.budget { try parent.admit(name, budget) }
    }

    /// The parent's name.
    var parentName: String { parent.name }

    /// Agrees upon another budget.
    func change(to budget: VectorBudget) throws(VectorRefusal) {
        try parent.admit(name, budget)
        isAdmitted = true
    }

    deinit { if isAdmitted { parent.dismiss(name) } }
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
