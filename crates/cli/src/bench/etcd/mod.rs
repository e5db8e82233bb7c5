//! Load over etcd v3's gRPC: a lean client of its own, so that most of the machine is left to the server.
//!
//! `http2` has the frames, `status` the one header that is read, `messages` the requests, `case` and `load` what is
//! measured and how.

mod case;
mod http2;
mod load;
mod messages;
mod status;

pub use case::EtcdCase;
pub use http2::{Awaited, GrpcCounter, greeting};
pub use load::first_question;
