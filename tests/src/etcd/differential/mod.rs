//! Random requests of etcd v3's API, played on two servers that must answer alike: errors too, code and words.
//!
//! Revisions are numbered from an episode's beginning, since one server may have begun with another. Ids and
//! terms of members are not compared.

mod answer;
mod call;
mod campaign;
mod generator;
mod server;

pub use answer::{Answer, Refusal};
pub use call::Call;
pub use campaign::{Campaign, Finding, Tally};
pub use generator::{Generator, Hints, Mix};
pub use server::Server;
