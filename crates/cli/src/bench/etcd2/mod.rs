//! Load over etcd's v2 API: HTTP/1.1 on connections that are kept, one request at a time on each, by a lean client
//! of its own.
//!
//! `http1` has the requests and counts the answers, `case` and `load` say what is measured and how, `waiting` is the
//! one case that is no request and its answer.

mod case;
mod http1;
mod load;
mod waiting;

pub use case::Etcd2Case;
pub use http1::HttpCounter;
