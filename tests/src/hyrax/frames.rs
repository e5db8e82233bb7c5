//! A WebSocket to a server, read frame by frame with a limit on how long to wait.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

/// How long an awaited frame may take.
pub(super) const FRAME_WITHIN: Duration = Duration::from_secs(20);

/// What came when the next frame was waited for.
pub(super) enum Frame {
    Json(Value),
    TimeUp,
    /// The end, with what the server said if it said farewell.
    Closed(Option<CloseFrame>),
}

/// The socket.
#[derive(Debug)]
pub(super) struct Frames(WebSocket<TcpStream>);

impl Frames {
    /// Connects, or panics.
    pub(super) fn connect(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_nodelay(true).expect("an open socket takes options");
        stream.set_write_timeout(Some(FRAME_WITHIN)).expect("an open socket takes options");
        stream.set_read_timeout(Some(FRAME_WITHIN)).expect("an open socket takes options");
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream)
            .unwrap_or_else(|error| panic!("no WebSocket at {address}{path}: {error}"));
        Frames(socket)
    }

    pub(super) fn send(&mut self, message: Message) {
        self.0.send(message).unwrap_or_else(|error| panic!("the server takes no more: {error}"));
    }

    /// Closes it as the protocol has it.
    pub(super) fn close(&mut self) {
        let _ = self.0.close(None);
        while self.0.read().is_ok() {}
    }

    /// The connection under it.
    pub(super) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(super) fn next(&mut self, within: Duration) -> Frame {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // A timeout of zero would mean none.
            let timeout = left.max(Duration::from_millis(1));
            self.stream().set_read_timeout(Some(timeout)).expect("an open socket takes options");
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    let value = serde_json::from_str(&text);
                    return Frame::Json(
                        value.unwrap_or_else(|error| panic!("not JSON ({error}): {}", text.as_str())),
                    );
                }
                Ok(Message::Close(frame)) => return Frame::Closed(frame),
                Ok(Message::Binary(bytes)) => panic!("the doors send text, not {bytes:?}"),
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if left.is_zero() {
                        return Frame::TimeUp;
                    }
                }
                Err(_) => return Frame::Closed(None),
            }
        }
    }
}
