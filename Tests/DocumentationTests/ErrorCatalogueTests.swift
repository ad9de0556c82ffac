import Foundation
import LinuxKernel
import MediatedDevices
import MessageSignaledInterrupts
import PlatformTypes
import Testing
import VFIOInterface

/// The catalogue of errors names what the source names, and nothing else.
@Suite struct ErrorCatalogueTests {
    /// A section of the catalogue, and the names that belong there.
    struct Section: CustomTestStringConvertible, Sendable {
        let heading: String
        let names: @Sendable () throws -> Set<String>
        var testDescription: String { heading }
    }

    private static let hostCodes: Set<String> = Set(HostError.Code.allCases.map(\.rawValue))

    static let sections = [
        Section(heading: "## The host said no") { hostCodes },
        Section(heading: "## A description is not that of a PCI function") {
            try Repository.literals(
                in: "Sources/PCIConfigSpace/PCIDescriptionError.swift", of: "code")
        },
        Section(heading: "## A parent has no vector") {
            try Repository.literals(
                in: "Sources/IRQDomains/Budgets/VectorRefusal.swift", of: "code"
            ).union(
                Repository.literals(
                    in: "Sources/IRQDomains/Domains/DomainRefusal.swift", of: "code"))
        },
        Section(heading: "## A server did not take a device") {
            try Repository.literals(
                in: "Sources/VFIOUserServer/PlacementError+Description.swift", of: "code")
        },
        Section(heading: "## A machine was not made, or failed") {
            try Repository.literals(
                in: "Sources/VirtualMachine/MachineError.swift", of: "code"
            )
            .union(
                Repository.literals(in: "Sources/VirtualMachine/MachineEnd.swift", of: "code"))
        },
        Section(heading: "## A verb was not carried out") {
            try Repository.literals(
                in: "Sources/VFIOUserServer/BudgetError.swift", of: "code"
            )
            .union(
                Repository.literals(in: "Sources/VFIOUserServer/MoveError.swift", of: "code")
            )
            .union(
                Repository.literals(in: "Sources/VFIOUserServer/Withdrawal.swift", of: "code")
            )
            .union(
                Repository.literals(in: "Sources/VFIOUserServer/Revocation.swift", of: "code")
            )
            .union(
                Repository.literals(
                    in: "Sources/MediatedDevices/Registry/RegistryError.swift", of: "code")
            )
            .union(LifeCycle.Refusal.allCases.map(\.code))
            .union(["CONTROL-REQUEST", "CONTROL-DEVICE", "CONTROL-SLICES", "ACCELERATOR-PARENT"])
        },
        Section(heading: "## A client's request did not succeed") {
            try Repository.literals(in: "Sources/VFIOUserClient/ClientError.swift", of: "code")
        },
        Section(heading: "## Why a connection ended") {
            try Repository.literals(in: "Sources/VFIOUserServer/ServerEvent.swift", of: "name")
        },
        Section(heading: "## Rules of the protocol") {
            try Repository.literals(in: "Sources/VFIOUserWire/WireViolation.swift", of: "name")
        },
        Section(heading: "### SET_IRQS") { Set(IRQSetRefusal.allCases.map(\.name)) },
        Section(heading: "### Structures of linux/vfio.h") {
            Set(LayoutRefusal.allCases.map(\.name))
        },
        Section(heading: "### The JSON text of VERSION") {
            try Repository.literals(in: "Sources/VFIOUserWire/JSON/JSONRefusal.swift", of: "name")
                .union(["capabilities-not-an-object", "capabilities-wrong-type-…"])
        },
        Section(heading: "### What this server does not serve") {
            try Repository.serverReasons()
        },
        Section(heading: "## What became of an event") {
            Set(DiscardReason.allCases.map(\.name)).union(Obstacles.names.map(\.1))
        },
        Section(heading: "## A device could not do its work") {
            try Repository.literals(
                in: "Sources/DeviceModels/Virtio/VirtqueueFault.swift", of: "name"
            )
            .union(DMAFault.allCases.map(\.rawValue)).union(["memory-…"])
        },
    ]

    @Test(arguments: sections)
    func theSectionNamesWhatTheSourceNames(section: Section) throws {
        let documented = try Repository.firstCells(of: section.heading, in: "docs/errors.md")
        let named = try section.names()
        #expect(!named.isEmpty)
        #expect(named.subtracting(documented) == [], "not in docs/errors.md")
        #expect(documented.subtracting(named) == [], "only in docs/errors.md")
    }

    @Test func everyHostCodeHasAMeaningAndAdviceInTheCatalogue() throws {
        let page = try Repository.text(of: "docs/errors.md")
        for code in HostError.Code.allCases {
            #expect(page.contains("| `\(code)` | \(code.meaning) |"))
            #expect(page.contains("| \(code.advice) |"))
        }
    }
}
