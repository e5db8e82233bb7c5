//! Coordination over a real etcd, or over anything that speaks its v3 API: a Hyrax server's own door, for one.
//!
//! [`EtcdCoordination`] is the engine, [`EtcdSettings`] says where it is (and reads `etcd://a,b` URLs).
//!
//! - One connection at a time (`link`), to one of several endpoints; when it is lost or its member has no leader, to
//!   the next. Calls wait for it as long as a request may take.
//! - A call is repeated (`call`) only where that can not be seen: reads always, writes when they were surely not
//!   done. What may have happened is answered [`Unavailable`](hyrax_coordination::Unavailable).
//! - All watches share one stream (`watch`), and all renewals of leases another (`keep_alive`). A watch goes on from
//!   the revision after its last event, whatever became of the stream.
//!
//! Nothing here knows what the keys mean.

mod address;
mod call;
mod coordination;
mod failure;
mod keep_alive;
mod link;
mod settings;
mod standing;
mod tls;
mod watch;
mod wire;

pub use address::BadUrl;
pub use coordination::{ConnectError, EtcdCoordination};
pub use settings::{BadEndpoint, Credentials, Endpoint, EtcdSettings, Timeouts, TlsSettings};
pub use tls::TlsError;
