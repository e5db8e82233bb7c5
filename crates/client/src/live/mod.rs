//! Live values: commands, monitors and EKGs over the line protocol of a Hyrax server.
//!
//! A [`Client`] is a handle on one task (`driver`), which holds the connection and makes it again. `topics` and `seats`
//! are what comes back with a new connection; `exchange` is what ends with the old one; `queue` is between the task
//! and a reader. Nothing here knows of coordination.

mod change;
mod client;
mod command;
mod commands;
mod driver;
mod ekg;
mod error;
mod exchange;
mod monitor;
mod queue;
mod seats;
mod settings;
mod socket;
#[cfg(test)]
mod tests;
mod topics;
mod value;
mod wire;

pub use self::change::{Change, ChangeKind, EkgChange};
pub use self::client::Client;
pub use self::command::Command;
pub use self::ekg::{Ekg, EkgEntry, EkgMonitor};
pub use self::error::Error;
pub use self::monitor::{Monitor, PrefixMonitor};
pub use self::seats::Standing;
pub use self::settings::{Settings, Signing};
pub use self::value::{Argument, FromValue, Value};

/// Whether a client has a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It has.
    Up,
    /// It has none, and tries to make one.
    Down {
        /// Why.
        reason: String,
    },
}
