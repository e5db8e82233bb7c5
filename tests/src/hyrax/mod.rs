//! The built `hyrax`, run as users run it, and a client for its line door.

mod discovery;
mod frames;
mod line;
mod server;
mod websocket;
mod wire;

pub use discovery::DiscoverySocket;
pub use line::LineClient;
pub use server::{Hyrax, binary};
pub use websocket::WebSocketClient;
pub use wire::{Client, Wire};
