//! How the core's failures leave through this door: a gRPC code and etcd's own words, which clients compare.

use hyrax_coordination::{
    CompactError, DeleteRangeError, HashKvError, LeaseGrantError, LeaseKeepAliveError, LeaseListError,
    LeaseRevokeError, LeaseTimeToLiveError, PutError, RangeError, StatusError, TxnError, Unavailable,
};
use tonic::Code;

/// A request refused: what a gRPC status or the JSON gateway's error says.
pub use crate::grpc::Status as Refusal;

/// Those that no failure of the core stands behind.
impl Refusal {
    /// An operation of a transaction that is nothing: etcd's odd words for it.
    pub const KEY_NOT_FOUND: Refusal = Refusal::fixed(Code::InvalidArgument, "etcdserver: key not found");
    /// An order or a target that there is not.
    pub const INVALID_SORT_OPTION: Refusal =
        Refusal::fixed(Code::InvalidArgument, "etcdserver: invalid sort option");
    /// More bytes than a request may have.
    pub const REQUEST_TOO_LARGE: Refusal =
        Refusal::fixed(Code::InvalidArgument, "etcdserver: request is too large");
    /// Who has not said who it is, where that is needed.
    pub const USER_EMPTY: Refusal = Refusal::fixed(Code::InvalidArgument, "etcdserver: user name is empty");
    /// A token that is not, or no longer, one.
    pub const INVALID_AUTH_TOKEN: Refusal =
        Refusal::fixed(Code::Unauthenticated, "etcdserver: invalid auth token");
    /// Who is known, and may not.
    pub const PERMISSION_DENIED: Refusal =
        Refusal::fixed(Code::PermissionDenied, "etcdserver: permission denied");
    /// A wrong name or password.
    pub const AUTH_FAILED: Refusal = Refusal::fixed(
        Code::InvalidArgument,
        "etcdserver: authentication failed, invalid user ID or password",
    );
    /// There is nobody to authenticate as.
    pub const AUTH_NOT_ENABLED: Refusal =
        Refusal::fixed(Code::FailedPrecondition, "etcdserver: authentication is not enabled");
    /// No operator of this name.
    pub const USER_NOT_FOUND: Refusal =
        Refusal::fixed(Code::FailedPrecondition, "etcdserver: user name not found");
    /// No role of this name.
    pub const ROLE_NOT_FOUND: Refusal =
        Refusal::fixed(Code::FailedPrecondition, "etcdserver: role name not found");
    /// A member of another name than this one's.
    pub const MEMBER_NOT_FOUND: Refusal = Refusal::fixed(Code::NotFound, "etcdserver: member not found");
    /// There is nobody else who could lead.
    pub const BAD_LEADER_TRANSFEREE: Refusal =
        Refusal::fixed(Code::FailedPrecondition, "etcdserver: bad leader transferee");
    /// A watch whose stream the client gave up.
    pub const WATCH_CANCELED: Refusal = Refusal::fixed(Code::Cancelled, "etcdserver: watch canceled");
    /// The server is about to end.
    pub const STOPPED: Refusal = Refusal::fixed(Code::Unavailable, "etcdserver: server stopped");
    /// A revision that is forgotten.
    pub const COMPACTED: Refusal =
        Refusal::fixed(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    /// A revision that has not come yet.
    pub const FUTURE_REVISION: Refusal =
        Refusal::fixed(Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision");
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Refusal {
        let code = match unavailable {
            Unavailable::NoSpace | Unavailable::TooManyRequests => Code::ResourceExhausted,
            Unavailable::Stopped | Unavailable::Other { .. } => Code::Unavailable,
        };
        Refusal::new(code, unavailable.to_string())
    }
}

/// Gives each kind of an operation's failures its code; the words are the failure's own, which are etcd's.
macro_rules! refusals {
    ($($error:ident { $($kind:ident => $code:ident),* $(,)? })*) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Refusal {
                match error {
                    $($error::$kind => Refusal::new(Code::$code, error.to_string()),)*
                    $error::Unavailable(unavailable) => unavailable.into(),
                }
            }
        }
    )*};
}

refusals! {
    RangeError { EmptyKey => InvalidArgument, Compacted => OutOfRange, FutureRevision => OutOfRange }
    PutError {
        EmptyKey => InvalidArgument,
        ValueProvided => InvalidArgument,
        LeaseProvided => InvalidArgument,
        LeaseNotFound => NotFound,
        KeyNotFound => InvalidArgument,
        Reserved => PermissionDenied,
    }
    DeleteRangeError { EmptyKey => InvalidArgument, Reserved => PermissionDenied }
    TxnError {
        EmptyKey => InvalidArgument,
        ValueProvided => InvalidArgument,
        LeaseProvided => InvalidArgument,
        DuplicateKey => InvalidArgument,
        TooManyOps => InvalidArgument,
        LeaseNotFound => NotFound,
        KeyNotFound => InvalidArgument,
        Compacted => OutOfRange,
        FutureRevision => OutOfRange,
        Reserved => PermissionDenied,
    }
    CompactError { Compacted => OutOfRange, FutureRevision => OutOfRange }
    LeaseGrantError { AlreadyExists => FailedPrecondition, TtlTooLarge => OutOfRange }
    LeaseRevokeError { NotFound => NotFound }
    LeaseKeepAliveError { NotFound => NotFound }
    LeaseTimeToLiveError { NotFound => NotFound }
    LeaseListError {}
    StatusError {}
    HashKvError { Compacted => OutOfRange, FutureRevision => OutOfRange }
}
