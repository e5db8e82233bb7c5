//! A blocking client for the line door over a WebSocket: one JSON value a text frame.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use tungstenite::Message;

use super::frames::{FRAME_WITHIN, Frame, Frames};
use super::line::is_push;

/// One WebSocket on `/hyrax`. Replies and pushes are told apart and kept in their own order.
#[derive(Debug)]
pub struct WebSocketClient {
    frames: Frames,
    replies: VecDeque<Value>,
    pushes: VecDeque<Value>,
}

impl WebSocketClient {
    /// Connects, or panics.
    pub fn connect(address: SocketAddr) -> Self {
        let frames = Frames::connect(address, "/hyrax");
        WebSocketClient { frames, replies: VecDeque::new(), pushes: VecDeque::new() }
    }

    /// Sends one text frame as it is.
    pub fn send_text(&mut self, text: &str) {
        self.frames.send(Message::text(text));
    }

    /// Sends one binary frame as it is.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.frames.send(Message::binary(bytes.to_vec()));
    }

    /// The next reply, waited for.
    pub fn reply(&mut self) -> Value {
        loop {
            if let Some(reply) = self.replies.pop_front() {
                return reply;
            }
            self.receive("a reply");
        }
    }

    /// The next push, waited for.
    pub fn push(&mut self) -> Value {
        loop {
            if let Some(push) = self.pushes.pop_front() {
                return push;
            }
            self.receive("a push");
        }
    }

    /// Every push that has come once `quiet` has passed without another frame.
    pub fn pushes_until_quiet(&mut self, quiet: Duration) -> Vec<Value> {
        while let Frame::Json(value) = self.frames.next(quiet) {
            self.keep(value);
        }
        self.pushes.drain(..).collect()
    }

    /// Waits until the server closes the connection; what came before that is kept.
    pub fn closed(&mut self) {
        loop {
            match self.frames.next(FRAME_WITHIN) {
                Frame::Json(value) => self.keep(value),
                Frame::TimeUp => panic!("the WebSocket is still open after {FRAME_WITHIN:?}"),
                Frame::Closed(_) => return,
            }
        }
    }

    /// Closes it as the protocol has it.
    pub fn close(mut self) {
        self.frames.close();
    }

    /// The connection under it.
    pub fn stream(&self) -> &TcpStream {
        self.frames.stream()
    }

    fn receive(&mut self, awaited: &str) {
        match self.frames.next(FRAME_WITHIN) {
            Frame::Json(value) => self.keep(value),
            Frame::TimeUp => panic!("{awaited} did not come within {FRAME_WITHIN:?}"),
            Frame::Closed(_) => panic!("the server closed the WebSocket where {awaited} was awaited"),
        }
    }

    fn keep(&mut self, value: Value) {
        if is_push(&value) {
            self.pushes.push_back(value);
        } else {
            self.replies.push_back(value);
        }
    }
}
