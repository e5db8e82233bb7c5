//! A blocking client for the line door over TCP: one JSON value a line, in either dialect.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long an awaited line may take.
const LINE_WITHIN: Duration = Duration::from_secs(20);

/// One connection to the line door. Replies and pushes are told apart and kept in their own order.
#[derive(Debug)]
pub struct LineClient {
    stream: BufReader<TcpStream>,
    /// The beginning of a line whose end had not come when time was up.
    partial: Vec<u8>,
    replies: VecDeque<Value>,
    pushes: VecDeque<Value>,
}

/// What came when the next line was waited for.
enum Line {
    Whole(Value),
    TimeUp,
    Closed,
}

impl LineClient {
    /// Connects, or panics.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        LineClient::over(stream)
    }

    /// Talks over a connection that is there already.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an open socket takes options");
        stream.set_write_timeout(Some(LINE_WITHIN)).expect("an open socket takes options");
        LineClient {
            stream: BufReader::new(stream),
            partial: Vec::new(),
            replies: VecDeque::new(),
            pushes: VecDeque::new(),
        }
    }

    /// Sends one command or package.
    pub fn send(&mut self, command: &Value) {
        self.send_raw(format!("{command}\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream
            .get_mut()
            .write_all(bytes)
            .unwrap_or_else(|error| panic!("the server takes no more: {error}"));
    }

    /// Sends `command` and answers its reply; pushes that come before it are kept for [`LineClient::push`].
    pub fn request(&mut self, command: &Value) -> Value {
        self.send(command);
        self.reply()
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

    /// Every push that has come once `quiet` has passed without another line.
    pub fn pushes_until_quiet(&mut self, quiet: Duration) -> Vec<Value> {
        while let Line::Whole(value) = self.next_line(quiet) {
            self.keep(value);
        }
        self.pushes.drain(..).collect()
    }

    /// Waits until the server closes the connection; what came before that is kept.
    pub fn closed(&mut self) {
        loop {
            match self.next_line(LINE_WITHIN) {
                Line::Whole(value) => self.keep(value),
                Line::TimeUp => panic!("the connection is still open after {LINE_WITHIN:?}"),
                Line::Closed => return,
            }
        }
    }

    /// Says that nothing more will be sent, as `nc` does at the end of its input.
    pub fn finish(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("an open socket can be shut down");
    }

    fn receive(&mut self, awaited: &str) {
        match self.next_line(LINE_WITHIN) {
            Line::Whole(value) => self.keep(value),
            Line::TimeUp => panic!("{awaited} did not come within {LINE_WITHIN:?}"),
            Line::Closed => panic!("the server closed the connection where {awaited} was awaited"),
        }
    }

    fn keep(&mut self, value: Value) {
        if is_push(&value) {
            self.pushes.push_back(value);
        } else {
            self.replies.push_back(value);
        }
    }

    fn next_line(&mut self, within: Duration) -> Line {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // A timeout of zero would mean none.
            let timeout = left.max(Duration::from_millis(1));
            self.stream.get_ref().set_read_timeout(Some(timeout)).expect("an open socket takes options");
            match self.stream.read_until(b'\n', &mut self.partial) {
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.partial);
                    let value = serde_json::from_slice(&line);
                    return Line::Whole(value.unwrap_or_else(|error| {
                        panic!("not JSON ({error}): {}", String::from_utf8_lossy(&line))
                    }));
                }
                Ok(_) => return Line::Closed,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if left.is_zero() {
                        return Line::TimeUp;
                    }
                }
                // A reset is how a killed server closes.
                Err(_) => return Line::Closed,
            }
        }
    }
}

/// Whether a line was not asked for: in the flat dialect a push names its `cmd`, which no reply does; in the
/// domain dialect its `command` is one that nobody can send.
pub(super) fn is_push(line: &Value) -> bool {
    let pushed_commands = ["mon-push", "reset"];
    line.get("cmd").is_some()
        || line
            .get("command")
            .and_then(Value::as_str)
            .is_some_and(|command| pushed_commands.contains(&command))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// A client whose server sends `script`, byte by byte, and closes.
    fn client_of(script: &'static str) -> LineClient {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = LineClient::connect(listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for byte in script.bytes() {
                stream.write_all(&[byte]).unwrap();
            }
            // What the client sent is read before closing: unread bytes would turn the end into a reset.
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        client
    }

    #[test]
    fn pushes_between_replies_are_kept_apart() {
        let mut client = client_of(concat!(
            "{\"cmd\":\"set\",\"key\":\"a\",\"args\":[\"1\"],\"rev\":7}\n",
            "{\"return\":\"OK\"}\n",
            "{\"command\":\"mon-push\",\"return\":{}}\r\n",
            "{\"command\":\"get\",\"return\":\"1\"}\n",
            "{\"command\":\"reset\",\"return\":{}}\n",
            "[{\"return\":1},{\"error\":\"no\"}]\n",
        ));
        assert_eq!(client.reply(), json!({"return": "OK"}));
        assert_eq!(client.push()["cmd"], "set");
        assert_eq!(client.push()["command"], "mon-push");
        assert_eq!(client.push()["command"], "reset");
        assert_eq!(client.reply()["command"], "get");
        assert_eq!(client.reply()[1]["error"], "no");
        client.closed();
    }

    #[test]
    fn a_request_is_answered_by_the_next_reply() {
        let mut client = client_of("{\"cmd\":\"set\",\"key\":\"a\"}\n{\"return\":\"1\",\"ref\":5}\n");
        assert_eq!(client.request(&json!({"cmd": "get", "key": "a", "ref": 5}))["ref"], 5);
        assert_eq!(client.pushes_until_quiet(Duration::from_millis(1)).len(), 1);
    }
}
