//! The ordered key space that Hyrax coordinates by, in etcd v3's words: range, txn, lease, watch,
//! compact, status.
//!
//! [`Coordination`] is the trait, [`embedded`] the engine that serves it in process. What the trait
//! means is settled by the reference model and the conformance suite (feature `conformance`), which
//! every engine must pass. Nothing here knows a wire format, a session or a recipe.

pub mod check;
mod compact;
mod coordination;
pub mod embedded;
mod key_range;
mod kv;
mod lease;
mod maintenance;
mod range;
mod status;
mod txn;
mod visible;
mod watch;
mod write;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod model;

pub use compact::{CompactError, CompactRequest, CompactResponse};
pub use coordination::Coordination;
pub use embedded::{AutoCompaction, Embedded, EmbeddedSettings, StoreSettings};
pub use key_range::KeyRange;
pub use kv::{Key, KeyValue, LeaseId, Value};
pub use lease::{
    LEASE_TTL_MAX, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveError,
    LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse,
    LeaseTimeToLiveError, LeaseTimeToLiveResponse,
};
pub use maintenance::{Alarm, Hash, HashKv, HashKvError, Maintenance, Size, SnapshotStream};
pub use range::{RangeError, RangeRequest, RangeResponse, SortOrder, SortTarget};
pub use status::{Fencing, Promises, Status, StatusError, Unavailable};
pub use txn::{Compare, CompareOperator, CompareTarget, Op, OpResponse, TxnError, TxnRequest, TxnResponse};
pub use visible::{IsHidden, Visible};
pub use watch::{Event, EventKind, WatchBatch, WatchError, WatchRequest, WatchStream};
pub use write::{
    DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse, PutError, PutRequest, PutResponse,
};
