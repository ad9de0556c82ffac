import KVM
import LinuxKernel
import PlatformTypes

/// The routes of a machine, packed as the kernel takes them, and the numbers that are free.
struct RouteSet: ~Copyable {
    private var buffer: RouteBuffer
    /// How many routes there are.
    private(set) var count = 0
    /// Where in the buffer the route of each number is.
    private var places: [Int?]
    /// Whose route is at each place.
    private var numbers: [Int] = []
    /// Numbers that nobody has.
    var vacant: [Int]
    /// Numbers whose events the kernel is yet to let go of.
    var retiring = 0
    private(set) var commits: UInt64 = 0
    private(set) var refusedCommits: UInt64 = 0

    /// No routes; `numbers` are free.
    init(capacity: Int, numbers: Range<Int>) throws(HostError) {
        buffer = try RouteBuffer(capacity: capacity)
        places = Array(repeating: nil, count: numbers.upperBound)
        vacant = Array(numbers.reversed())
    }

    /// Sets the route of `gsi`.
    mutating func set(_ gsi: Int, _ message: MSIMessage) {
        if places[gsi] == nil { occupy(gsi) }
        guard let place = places[gsi] else { return }
        buffer.set(place, gsi: gsi, to: message)
    }

    /// Adds a route of `gsi` to a chip in the kernel; a number can have one to each of two chips.
    mutating func append(_ gsi: Int, toPin pin: Int, of chip: KernelChip) {
        buffer.set(count, gsi: gsi, toPin: pin, of: chip)
        occupy(gsi)
    }

    private mutating func occupy(_ gsi: Int) {
        places[gsi] = count
        numbers.append(gsi)
        count += 1
    }

    /// Removes the route of `gsi`; the last one takes its place. Returns whether it had one.
    @discardableResult
    mutating func remove(_ gsi: Int) -> Bool {
        guard let place = places[gsi] else { return false }
        places[gsi] = nil
        count -= 1
        let last = numbers.removeLast()
        guard last != gsi else { return true }
        buffer.move(from: count, to: place)
        numbers[place] = last
        places[last] = place
        return true
    }

    /// Hands the routes to the kernel.
    mutating func commit(to machine: VMFile) throws(HostError) {
        do throws(HostError) {
            try buffer.commit(count, to: machine)
        } catch {
            refusedCommits &+= 1
            throw error
        }
        commits &+= 1
    }
}
