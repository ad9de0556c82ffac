import CLinuxUAPI

/// Users and groups of this system.
public enum Accounts {
    /// The number of the user that `text` names or numbers; nil if there is none.
    public static func user(_ text: String) -> UInt32? {
        // SAFETY: the shim reads the string only during the call.
        UInt32(text) ?? UInt32(exactly: unsafe uapi_user(text))
    }

    /// The number of the group that `text` names or numbers; nil if there is none.
    public static func group(_ text: String) -> UInt32? {
        // SAFETY: the shim reads the string only during the call.
        UInt32(text) ?? UInt32(exactly: unsafe uapi_group(text))
    }
}
