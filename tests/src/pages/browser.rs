//! A browser's console, as far as the examples use it: one WebSocket, opened, sent to and closed.
//!
//! The lines of JavaScript are not run but read: what they send is sent, and what the comment beside them
//! shows must come back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a message may take on a machine busy with other tests.
const WITHIN: Duration = Duration::from_secs(20);

/// An open WebSocket.
#[derive(Debug)]
pub(super) struct Browser {
    stream: TcpStream,
}

/// What a line of the example does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Opens the WebSocket.
    Open,
    /// Sends a message, and shows the next that comes, if any.
    Send(&'a str, Option<&'a str>),
    /// Closes the WebSocket.
    Close,
}

/// What a line of JavaScript does; none where it only holds the others together.
pub(super) fn action(line: &str) -> Option<Action<'_>> {
    if line.contains("new WebSocket(") {
        return Some(Action::Open);
    }
    if line.contains("socket.close()") {
        return Some(Action::Close);
    }
    let (message, rest) = line.split_once("socket.send('")?.1.split_once("')")?;
    Some(Action::Send(message, rest.split_once("// ").map(|(_, shown)| shown)))
}

impl Browser {
    /// Opens `/hyrax`, as a page that the server itself showed would.
    pub(super) fn open(address: SocketAddr) -> Browser {
        let mut stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_read_timeout(Some(WITHIN)).expect("an open socket takes options");
        let request = format!(
            "GET /hyrax HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the server reads requests");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the server answers with a whole head");
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 101 "), "no WebSocket was opened: {head}");
        Browser { stream }
    }

    /// Sends a text message.
    pub(super) fn send(&mut self, message: &str) {
        let length = u8::try_from(message.len()).ok().filter(|length| *length < 126);
        let length = length.expect("an example's message is shorter than 126 bytes");
        // A client must mask what it sends; a mask of zeros leaves it as it is.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(message.as_bytes());
        self.stream.write_all(&frame).expect("the server reads messages");
    }

    /// The next message that comes. The answer is an error when the connection fails.
    pub(super) fn receive(&mut self) -> Result<String, String> {
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).map_err(|error| format!("no message came: {error}"))?;
            Ok::<_, String>(bytes)
        };
        loop {
            let head = read(2)?;
            let length = match head[1] {
                126 => {
                    let bytes = read(2)?;
                    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
                }
                short => usize::from(short),
            };
            let payload = read(length)?;
            // A ping may come between messages.
            if head[0] == 0x81 {
                return Ok(String::from_utf8_lossy(&payload).into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_javascript_are_told_apart() {
        assert_eq!(
            action("const socket = new WebSocket(\"ws://127.0.0.1:2379/hyrax\");"),
            Some(Action::Open)
        );
        assert_eq!(action("  socket.send('{}');  // {\"a\":1}"), Some(Action::Send("{}", Some("{\"a\":1}"))));
        assert_eq!(action("socket.send('{}');"), Some(Action::Send("{}", None)));
        assert_eq!(action("socket.close();"), Some(Action::Close));
        assert_eq!(action("};"), None);
    }
}
