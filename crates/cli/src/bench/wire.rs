//! The protocols, as far as a generator of load speaks them: requests as bytes, and counting
//! what comes back without looking into it.

use super::etcd::{Awaited, GrpcCounter, greeting};
use super::etcd2::HttpCounter;

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON lines.
    Line,
    /// Redis' protocol, version 2.
    Resp,
    /// gRPC, over HTTP/2.
    Grpc(Awaited),
    /// HTTP/1.1.
    Http,
}

impl Protocol {
    /// What a client sends before its first request.
    pub fn greeting(self) -> Vec<u8> {
        match self {
            Protocol::Line | Protocol::Resp | Protocol::Http => Vec::new(),
            Protocol::Grpc(awaited) => greeting(awaited),
        }
    }
}

/// What arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Whole replies or pushes.
    pub whole: u64,
    /// Those of them that are errors.
    pub errors: u64,
    /// Those of them that stand for changes that were folded away.
    pub resets: u64,
}

/// Counts what arrives on one connection.
#[derive(Clone, Debug)]
pub enum Counter {
    /// See [`LineCounter`].
    Line(LineCounter),
    /// See [`RespCounter`].
    Resp(RespCounter),
    /// See [`GrpcCounter`].
    Grpc(Box<GrpcCounter>),
    /// See [`HttpCounter`].
    Http(HttpCounter),
}

impl Counter {
    /// A counter for a fresh connection.
    pub fn new(protocol: Protocol) -> Counter {
        match protocol {
            Protocol::Line => Counter::Line(LineCounter::default()),
            Protocol::Resp => Counter::Resp(RespCounter::default()),
            Protocol::Grpc(awaited) => Counter::Grpc(Box::new(GrpcCounter::new(awaited))),
            Protocol::Http => Counter::Http(HttpCounter::default()),
        }
    }

    /// Moves to `sending` what the protocol wants to be sent for what came.
    pub fn take_owed(&mut self, sending: &mut Vec<u8>) {
        if let Counter::Grpc(counter) = self {
            counter.take_owed(sending);
        }
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) -> Counted {
        match self {
            Counter::Line(counter) => counter.feed(bytes),
            Counter::Resp(counter) => counter.feed(bytes),
            Counter::Grpc(counter) => counter.feed(bytes),
            Counter::Http(counter) => counter.feed(bytes),
        }
    }
}

/// As much of a line's beginning as tells what it is.
const HEAD: usize = 15;

/// Counts lines. An error begins `{"error"`, a reset `{"cmd":"mreset"` or `{"cmd":"ereset"`.
#[derive(Clone, Debug, Default)]
pub struct LineCounter {
    /// The beginning of the line under way.
    head: [u8; HEAD],
    /// How much of it is there.
    filled: usize,
}

impl LineCounter {
    fn feed(&mut self, mut bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        while !bytes.is_empty() {
            if self.filled < HEAD {
                let taken = bytes.iter().take(HEAD - self.filled).take_while(|&&byte| byte != b'\n').count();
                self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
                self.filled += taken;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else { break };
            counted.whole += 1;
            let head = &self.head[..self.filled];
            counted.errors += u64::from(head.starts_with(b"{\"error\""));
            counted.resets += u64::from(head == b"{\"cmd\":\"mreset\"" || head == b"{\"cmd\":\"ereset\"");
            self.filled = 0;
            bytes = &bytes[end + 1..];
        }
        counted
    }
}

/// Counts RESP2 replies, arrays as one, by skipping from length to length.
#[derive(Clone, Debug, Default)]
pub struct RespCounter {
    /// Elements still to come before the reply is whole.
    missing: u64,
    /// Bytes of a bulk still to be skipped, its line end included.
    skip: u64,
    /// The first byte of the line under way, or 0 before it.
    kind: u8,
    /// The number that it holds so far, and whether it is negative.
    number: u64,
    negative: bool,
}

impl RespCounter {
    fn feed(&mut self, mut bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len() as u64);
                self.skip -= skipped;
                bytes = &bytes[skipped as usize..];
                if self.skip == 0 {
                    counted.whole += self.element(0);
                }
                continue;
            }
            bytes = rest;
            match byte {
                _ if self.kind == 0 => (self.kind, self.number, self.negative) = (byte, 0, false),
                b'\n' => self.line_ended(&mut counted),
                b'-' => self.negative = true,
                b'0'..=b'9' => {
                    self.number = self.number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                }
                _ => {}
            }
        }
        counted
    }

    fn line_ended(&mut self, counted: &mut Counted) {
        match self.kind {
            b'$' if !self.negative => self.skip = self.number.saturating_add(2),
            b'*' if !self.negative => counted.whole += self.element(self.number),
            kind => {
                counted.errors += u64::from(kind == b'-');
                counted.whole += self.element(0);
            }
        }
        self.kind = 0;
    }

    /// One element is there, which announces `more`. Returns 1 when it completes a reply.
    fn element(&mut self, more: u64) -> u64 {
        self.missing = self.missing.saturating_sub(1).saturating_add(more);
        u64::from(self.missing == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the count however the bytes are cut.
    fn check(protocol: Protocol, bytes: &str, expected: Counted) {
        for size in [1, 2, 3, 7, 16, bytes.len()] {
            let mut counter = Counter::new(protocol);
            let mut total = Counted::default();
            for part in bytes.as_bytes().chunks(size) {
                let counted = counter.feed(part);
                total.whole += counted.whole;
                total.errors += counted.errors;
                total.resets += counted.resets;
            }
            assert_eq!(total, expected, "{bytes:?} by {size}");
        }
    }

    #[test]
    fn lines_are_counted_however_they_are_cut() {
        check(
            Protocol::Line,
            "{\"return\":\"a\"}\n{\"error\":\"no\"}\n{\"cmd\":\"mreset\",\"key\":\"k\"}\n{\"cmd\":\"set\",\"key\":\"error\"}\n{\"ret",
            Counted { whole: 4, errors: 1, resets: 1 },
        );
    }

    #[test]
    fn resp_replies_are_counted_however_they_are_cut() {
        check(
            Protocol::Resp,
            "+OK\r\n-ERR bad 5\r\n:42\r\n$-1\r\n$0\r\n\r\n$5\r\na\r\n$b\r\n*-1\r\n*0\r\n\
             *3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*2\r\n:1\r\n$2\r\nhi\r\n$3\r\nab",
            Counted { whole: 9, errors: 1, resets: 0 },
        );
    }
}
