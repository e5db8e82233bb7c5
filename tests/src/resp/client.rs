//! A blocking client with pipelining.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::parse::read_reply;
use super::reply::Resp;

/// A command: its name and arguments.
pub type Argv = Vec<Vec<u8>>;

/// How long any reply may take. Generous, since a test machine may be busy; a hang ends here.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// The most commands written before their replies are read, so that neither side's buffers fill up.
const PIPELINE_MAX: usize = 256;

/// The words of `line`, separated by spaces, as a command.
pub fn words(line: &str) -> Argv {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// One connection to a server that speaks RESP.
#[derive(Debug)]
pub struct RespClient {
    stream: BufReader<TcpStream>,
    pushes: VecDeque<Resp>,
}

impl RespClient {
    /// Connects, or panics.
    pub fn connect(address: SocketAddr) -> Self {
        RespClient::try_connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// Connects.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_WITHIN))?;
        stream.set_write_timeout(Some(REPLY_WITHIN))?;
        Ok(RespClient { stream: BufReader::with_capacity(64 * 1024, stream), pushes: VecDeque::new() })
    }

    /// Goes over to RESP3.
    pub fn resp3(mut self) -> Self {
        let reply = self.run(&words("HELLO 3"));
        assert!(matches!(reply, Resp::Map(_)), "HELLO 3 was answered {reply:?}");
        self
    }

    /// Runs one command and answers its reply; panics when the connection breaks.
    pub fn run(&mut self, command: &[Vec<u8>]) -> Resp {
        self.try_run(command).unwrap_or_else(|error| panic!("{} got no reply: {error}", show(command)))
    }

    /// Runs one command.
    pub fn try_run(&mut self, command: &[Vec<u8>]) -> io::Result<Resp> {
        let mut wire = Vec::new();
        encode(command, &mut wire);
        self.send_raw(&wire)?;
        self.read()
    }

    /// Runs the commands in pipelines and answers their replies, in order.
    pub fn pipeline(&mut self, commands: &[Argv]) -> Vec<Resp> {
        let mut replies = Vec::with_capacity(commands.len());
        let mut wire = Vec::new();
        for batch in commands.chunks(PIPELINE_MAX) {
            wire.clear();
            batch.iter().for_each(|command| encode(command, &mut wire));
            self.send_raw(&wire).unwrap_or_else(|error| panic!("the server takes no more commands: {error}"));
            for command in batch {
                let reply =
                    self.read().unwrap_or_else(|error| panic!("{} got no reply: {error}", show(command)));
                replies.push(reply);
            }
        }
        replies
    }

    /// Runs the commands as [`RespClient::pipeline`] does, and answers beside each reply its bytes.
    pub fn pipeline_with_bytes(&mut self, commands: &[Argv]) -> Vec<(Resp, Vec<u8>)> {
        let mut replies = Vec::with_capacity(commands.len());
        let mut wire = Vec::new();
        for batch in commands.chunks(PIPELINE_MAX) {
            wire.clear();
            batch.iter().for_each(|command| encode(command, &mut wire));
            self.send_raw(&wire).unwrap_or_else(|error| panic!("the server takes no more commands: {error}"));
            replies.extend(batch.iter().map(|command| self.read_with_bytes(command)));
        }
        replies
    }

    /// The next reply, to this command, and its bytes; pushes before it are kept as always.
    pub fn read_with_bytes(&mut self, command: &[Vec<u8>]) -> (Resp, Vec<u8>) {
        loop {
            let mut recorded = Recorded { stream: &mut self.stream, bytes: Vec::new() };
            let reply = read_reply(&mut recorded)
                .unwrap_or_else(|error| panic!("{} got no reply: {error}", show(command)));
            match reply {
                push @ Resp::Push(_) => self.pushes.push_back(push),
                reply => return (reply, recorded.bytes),
            }
        }
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next reply; pushes that come before it are kept for [`RespClient::next_push`].
    pub fn read(&mut self) -> io::Result<Resp> {
        loop {
            match read_reply(&mut self.stream)? {
                push @ Resp::Push(_) => self.pushes.push_back(push),
                reply => return Ok(reply),
            }
        }
    }

    /// Whether a reply comes within this time.
    pub fn has_reply(&mut self, within: Duration) -> bool {
        if !self.stream.buffer().is_empty() {
            return true;
        }
        let stream = self.stream.get_ref();
        stream.set_read_timeout(Some(within)).expect("an open socket takes options");
        let peeked = stream.peek(&mut [0]);
        stream.set_read_timeout(Some(REPLY_WITHIN)).expect("an open socket takes options");
        peeked.is_ok()
    }

    /// The pushes that came before the replies read so far.
    pub fn take_pushes(&mut self) -> Vec<Resp> {
        self.pushes.drain(..).collect()
    }

    /// The next push, waited for; panics when a reply comes instead.
    pub fn next_push(&mut self) -> Resp {
        if let Some(push) = self.pushes.pop_front() {
            return push;
        }
        let push = read_reply(&mut self.stream).unwrap_or_else(|error| panic!("no push came: {error}"));
        assert!(matches!(push, Resp::Push(_)), "{push:?} came where a push was awaited");
        push
    }
}

/// A stream that keeps a copy of what is read from it.
struct Recorded<'a> {
    stream: &'a mut BufReader<TcpStream>,
    bytes: Vec<u8>,
}

impl Read for Recorded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

impl BufRead for Recorded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // What is consumed has been filled before, so it is there without another read.
        let consumed = &self.stream.buffer()[..count];
        self.bytes.extend_from_slice(consumed);
        self.stream.consume(count);
    }
}

/// A command as a person would type it.
pub fn show(command: &[Vec<u8>]) -> String {
    let words: Vec<String> = command.iter().map(|word| show_word(word)).collect();
    words.join(" ")
}

fn show_word(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !word.is_empty() && word.iter().all(is_plain) {
        String::from_utf8_lossy(word).into_owned()
    } else {
        format!("\"{}\"", word.escape_ascii())
    }
}

fn encode(command: &[Vec<u8>], wire: &mut Vec<u8>) {
    wire.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
    for word in command {
        wire.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        wire.extend_from_slice(word);
        wire.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_redis_cli_takes_it() {
        assert_eq!(
            show(&[b"SET".to_vec(), b"a b".to_vec(), vec![0, 255], vec![]]),
            r#"SET "a b" "\x00\xff" """#
        );
    }
}
