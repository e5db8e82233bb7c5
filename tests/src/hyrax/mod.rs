//! The built `hyrax`, run as users run it, and a client for its line door.

mod line;
mod server;

pub use line::LineClient;
pub use server::{Hyrax, binary};
