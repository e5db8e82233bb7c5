//! HTTP/2 (RFC 9113), a server's side of it: for calls that read or write one key.
//!
//! A library that serves everybody gives each stream shared state, locks and several allocations, which costs more than
//! such a call itself. Here a connection is one machine in one task: frames are taken out of one buffer, a request is a
//! future in its place, answers of all that are ready leave with one write. What requests mean is not known here, nor
//! gRPC: a request is a [`Head`] and a [`Body`], and is answered by an [`Answer`].

mod allowance;
mod answer;
mod body;
mod connection;
mod fields;
mod frame;
mod head;
mod hpack;
mod ready;
mod receiving;
mod sending;
mod serve;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Answer, Block, Content, Piece, Pieces};
pub(crate) use body::{Body, Reset};
pub(crate) use head::Head;
pub(crate) use hpack::put_field;
pub(crate) use serve::serve;

/// Bytes that are made to be written at one time. While there are as many, nothing is read and nobody is asked for more.
const OUT_BYTES: usize = 64 * 1024;
