//! The line door over either wire, for tests that must hold on both.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::line::LineClient;
use super::websocket::WebSocketClient;

/// What carries the line door's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Lines over TCP.
    Tcp,
    /// Text frames of a WebSocket.
    WebSocket,
}

impl Wire {
    /// Both.
    pub const ALL: [Wire; 2] = [Wire::Tcp, Wire::WebSocket];
}

/// One connection to the line door.
#[derive(Debug)]
pub enum Client {
    /// See [`Wire::Tcp`].
    Tcp(LineClient),
    /// See [`Wire::WebSocket`].
    WebSocket(Box<WebSocketClient>),
}

impl Client {
    /// Connects, or panics.
    pub fn connect(wire: Wire, address: SocketAddr) -> Self {
        match wire {
            Wire::Tcp => Client::Tcp(LineClient::connect(address)),
            Wire::WebSocket => Client::WebSocket(Box::new(WebSocketClient::connect(address))),
        }
    }

    /// Sends one command or package.
    pub fn send(&mut self, command: &Value) {
        self.send_text(&command.to_string());
    }

    /// Sends a text as it is, as one line or frame.
    pub fn send_text(&mut self, text: &str) {
        match self {
            Client::Tcp(client) => client.send_raw(format!("{text}\n").as_bytes()),
            Client::WebSocket(client) => client.send_text(text),
        }
    }

    /// Sends bytes as they are, as one line or binary frame.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match self {
            Client::Tcp(client) => client.send_raw(&[bytes, b"\n"].concat()),
            Client::WebSocket(client) => client.send_binary(bytes),
        }
    }

    /// Sends `command` and answers its reply; pushes that come before it are kept for [`Client::push`].
    pub fn request(&mut self, command: &Value) -> Value {
        self.send(command);
        self.reply()
    }

    /// The next reply, waited for.
    pub fn reply(&mut self) -> Value {
        match self {
            Client::Tcp(client) => client.reply(),
            Client::WebSocket(client) => client.reply(),
        }
    }

    /// The next push, waited for.
    pub fn push(&mut self) -> Value {
        match self {
            Client::Tcp(client) => client.push(),
            Client::WebSocket(client) => client.push(),
        }
    }

    /// Every push that has come once `quiet` has passed without another message.
    pub fn pushes_until_quiet(&mut self, quiet: Duration) -> Vec<Value> {
        match self {
            Client::Tcp(client) => client.pushes_until_quiet(quiet),
            Client::WebSocket(client) => client.pushes_until_quiet(quiet),
        }
    }

    /// Waits until the server closes the connection; what came before that is kept.
    pub fn closed(&mut self) {
        match self {
            Client::Tcp(client) => client.closed(),
            Client::WebSocket(client) => client.closed(),
        }
    }
}
