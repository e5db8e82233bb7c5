//! What clients of a server see while it is killed and paused: nothing that was acknowledged or shown may be lost,
//! nothing may come twice or out of order, and what they did must have an order.
//!
//! [`Victim`] is the server. `storm` plays the faults, `pairs` writes and looks on, `registers` and `locks` record
//! histories. It knows etcd's API alone: any server that speaks it can be the victim.

mod locks;
mod pairs;
mod registers;
mod storm;
mod victim;

pub use locks::record_locks;
pub use pairs::{Survived, survive};
pub use registers::record_registers;
pub use storm::{Fault, Storm};
pub use victim::{EtcdVictim, HyraxVictim, Victim};
