import VFIOInterface
import VFIOUserWire

/// Why one request is refused while the connection goes on.
struct RequestRefusal: Error {
    let errno: ReplyErrno
    let reason: String

    init(_ errno: ReplyErrno, _ reason: String) {
        self.errno = errno
        self.reason = reason
    }

    init(_ refusal: DMAMap.Refusal) {
        switch refusal {
        case .overlap: self.init(.alreadyExists, "the range overlaps another one")
        case .tooMany: self.init(.noSpace, "the client has as many regions as it may have")
        case .splitsRegion: self.init(.invalidArgument, "the unmap would cut a region in two")
        }
    }
}
