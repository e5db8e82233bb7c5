//! Listeners, and the way from an accepted socket to the door that its first bytes ask for.
//!
//! What a door does is not known here: everything behind them is a `Doors`.

mod accept;
mod connection;
mod doors;
mod farewell;
mod listeners;
mod metered;
mod peer;
mod replayed;
mod seats;
mod sniff;
mod stream;
mod tls;

pub(crate) use connection::read_some;
pub use doors::Authorization;
pub(crate) use doors::Doors;
pub(crate) use farewell::farewell;
pub use listeners::{BindError, Listeners};
pub(crate) use metered::Metered;
pub use peer::{Peer, PeerAddress};
pub use replayed::Replayed;
pub(crate) use seats::Seat;
pub use stream::Stream;
pub use tls::{TlsError, TlsServer};

#[cfg(test)]
pub(crate) mod tests;
