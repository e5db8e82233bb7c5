//! Redis' wire from the client's side: a reply as a tree, its parser, a blocking client.
//!
//! Written anew rather than taken from the server's codec: a test that shared that code would share its faults.

mod client;
mod parse;
mod reply;

pub use client::show;
pub use client::{Argv, RespClient, words};
pub use parse::read_reply;
pub use reply::{Double, Resp};
