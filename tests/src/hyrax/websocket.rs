//! A blocking client for the line door over a WebSocket: one JSON value a text frame.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::{Error, Message, WebSocket};

use super::line::is_push;

/// How long an awaited frame may take.
const FRAME_WITHIN: Duration = Duration::from_secs(20);

/// One WebSocket on `/hyrax`. Replies and pushes are told apart and kept in their own order.
#[derive(Debug)]
pub struct WebSocketClient {
    socket: WebSocket<TcpStream>,
    replies: VecDeque<Value>,
    pushes: VecDeque<Value>,
}

/// What came when the next frame was waited for.
enum Frame {
    Json(Value),
    TimeUp,
    Closed,
}

impl WebSocketClient {
    /// Connects, or panics.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_nodelay(true).expect("an open socket takes options");
        stream.set_write_timeout(Some(FRAME_WITHIN)).expect("an open socket takes options");
        let (socket, _) = tungstenite::client(format!("ws://{address}/hyrax"), stream)
            .unwrap_or_else(|error| panic!("no WebSocket at {address}: {error}"));
        WebSocketClient { socket, replies: VecDeque::new(), pushes: VecDeque::new() }
    }

    /// Sends one text frame as it is.
    pub fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text));
    }

    /// Sends one binary frame as it is.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send_message(Message::binary(bytes.to_vec()));
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
        while let Frame::Json(value) = self.next_frame(quiet) {
            self.keep(value);
        }
        self.pushes.drain(..).collect()
    }

    /// Waits until the server closes the connection; what came before that is kept.
    pub fn closed(&mut self) {
        loop {
            match self.next_frame(FRAME_WITHIN) {
                Frame::Json(value) => self.keep(value),
                Frame::TimeUp => panic!("the WebSocket is still open after {FRAME_WITHIN:?}"),
                Frame::Closed => return,
            }
        }
    }

    /// Closes it as the protocol has it.
    pub fn close(mut self) {
        let _ = self.socket.close(None);
        while self.socket.read().is_ok() {}
    }

    /// The connection under it.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    fn send_message(&mut self, message: Message) {
        self.socket.send(message).unwrap_or_else(|error| panic!("the server takes no more: {error}"));
    }

    fn receive(&mut self, awaited: &str) {
        match self.next_frame(FRAME_WITHIN) {
            Frame::Json(value) => self.keep(value),
            Frame::TimeUp => panic!("{awaited} did not come within {FRAME_WITHIN:?}"),
            Frame::Closed => panic!("the server closed the WebSocket where {awaited} was awaited"),
        }
    }

    fn keep(&mut self, value: Value) {
        if is_push(&value) {
            self.pushes.push_back(value);
        } else {
            self.replies.push_back(value);
        }
    }

    fn next_frame(&mut self, within: Duration) -> Frame {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // A timeout of zero would mean none.
            let timeout = left.max(Duration::from_millis(1));
            self.stream().set_read_timeout(Some(timeout)).expect("an open socket takes options");
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let value = serde_json::from_str(&text);
                    return Frame::Json(
                        value.unwrap_or_else(|error| panic!("not JSON ({error}): {}", text.as_str())),
                    );
                }
                Ok(Message::Close(_)) => return Frame::Closed,
                Ok(Message::Binary(bytes)) => panic!("the line door sends text, not {bytes:?}"),
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if left.is_zero() {
                        return Frame::TimeUp;
                    }
                }
                Err(_) => return Frame::Closed,
            }
        }
    }
}
