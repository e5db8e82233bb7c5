//! Names and values that every layer shares: keys, revisions, changes, limits, the clock,
//! timers, and how secrets are made of what they sign.
//!
//! Nothing here does I/O, knows a wire format or names an engine.

mod change;
mod clock;
mod key;
pub mod limits;
mod revision;
mod session;
pub mod signing;
mod wheel;

pub use change::{Change, OwnedChange};
pub use clock::{Clock, ManualClock, SteppedClock, SystemClock};
pub use key::{DomainKey, RESERVED_END, RESERVED_PREFIX, is_reserved};
pub use revision::Revision;
pub use session::SessionId;
pub use wheel::{Timer, Wheel};
