//! etcd's v2 API, met as a client meets it: the same requests to a real etcd and to Hyrax, byte by byte.

mod answer;
mod campaign;
mod connection;
mod generator;
mod request;

pub use answer::Answer;
pub use campaign::{Campaign, Finding, Server, Tally};
pub use connection::{Connection, Response};
pub use generator::Generator;
pub use request::Request;
