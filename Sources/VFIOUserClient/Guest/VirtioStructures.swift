import Registers

/// Where a virtio-pci function keeps its structures (virtio 1.2 §4.1.4).
struct VirtioStructures {
    struct Place {
        let bar: Int
        let offset: Int
    }

    let common: Place
    let isr: Place
    let notifications: Place
    let notifyMultiplier: Int

    init(_ function: GuestFunction) throws(ClientError) {
        var places: [UInt8: Place] = [:]
        var multiplier = 0
        for offset in function.offsets(ofCapability: 0x09) {
            let type = UInt8(try function.readConfig(offset + 3, .byte))
            guard places[type] == nil else { continue }
            places[type] = Place(
                bar: Int(try function.readConfig(offset + 4, .byte)),
                offset: Int(try function.readConfig(offset + 8, .dword)))
            if type == 2 { multiplier = Int(try function.readConfig(offset + 16, .dword)) }
        }
        guard let common = places[1], let notifications = places[2], let isr = places[3] else {
            throw .device("a virtio structure is missing from the capability list")
        }
        self.common = common
        self.notifications = notifications
        self.isr = isr
        notifyMultiplier = multiplier
    }
}
