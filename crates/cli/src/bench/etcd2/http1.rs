//! Requests over HTTP/1.1 as templates, and a counter of the answers that reads no more of them than where they end
//! and whether they are good.

use super::super::requests::Template;
use super::super::wire::Counted;

/// The directory of all keys.
const DIRECTORY: &str = "/v2/keys/bench/";
/// The longest line of an answer's head.
const LINE_MAX: usize = 64 * 1024;
/// What ends a chunk after its bytes.
const LINE_END: u64 = 2;

/// Writes the next key.
pub fn put(value: &str) -> Template {
    form("PUT", "", &format!("value={value}"))
}

/// Writes the next key, if it has this value.
pub fn put_if(value: &str) -> Template {
    form("PUT", &format!("?prevValue={value}"), &format!("value={value}"))
}

/// Reads the next key.
pub fn get() -> Template {
    let mut template = line("GET", "");
    template.bytes.extend_from_slice(b"\r\n");
    template
}

/// Waits until the next key is written.
pub fn wait() -> Template {
    let mut template = line("GET", "?wait=true");
    template.bytes.extend_from_slice(b"\r\n");
    template
}

fn form(method: &str, query: &str, body: &str) -> Template {
    let mut template = line(method, query);
    let head =
        format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n", body.len());
    template.bytes.extend_from_slice(head.as_bytes());
    template.bytes.extend_from_slice(body.as_bytes());
    template
}

/// The first lines of a request.
fn line(method: &str, query: &str) -> Template {
    let mut template = Template::default();
    template.bytes.extend_from_slice(format!("{method} {DIRECTORY}").as_bytes());
    template.key(true);
    template.bytes.extend_from_slice(format!("{query} HTTP/1.1\r\nHost: bench\r\n").as_bytes());
    template
}

/// Counts the answers on one connection.
#[derive(Clone, Debug, Default)]
pub struct HttpCounter {
    part: Part,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// Of the answer under way: what its head says.
    head: Head,
    /// Heads that have ended.
    heads: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    /// The line with the status.
    #[default]
    Status,
    /// A header, or the empty line after the last.
    Header,
    /// So many bytes, and then the answer is over.
    Body(u64),
    /// The length of a chunk.
    ChunkLength,
    /// So many bytes, and then the next chunk.
    Chunk(u64),
    /// What may come after the last chunk, or the empty line after that.
    Trailer,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// The first digit of the status.
    class: u8,
    length: u64,
    in_chunks: bool,
}

impl HttpCounter {
    /// How many heads of answers have arrived, whether or not what follows has.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        while !bytes.is_empty() {
            let (Part::Body(left) | Part::Chunk(left)) = &mut self.part else {
                let Some(end) = memchr::memchr(b'\n', bytes) else {
                    self.line.extend_from_slice(bytes);
                    counted.errors += u64::from(self.line.len() > LINE_MAX);
                    return counted;
                };
                let (line, rest) = bytes.split_at(end);
                bytes = &rest[1..];
                if self.line.is_empty() {
                    self.line_ended(line, &mut counted);
                } else {
                    let mut whole = std::mem::take(&mut self.line);
                    whole.extend_from_slice(line);
                    self.line_ended(&whole, &mut counted);
                }
                continue;
            };
            let skipped = (*left).min(bytes.len() as u64);
            *left -= skipped;
            bytes = &bytes[skipped as usize..];
            if *left == 0 {
                self.bytes_ended(&mut counted);
            }
        }
        counted
    }

    fn line_ended(&mut self, line: &[u8], counted: &mut Counted) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.part = match self.part {
            Part::Status => {
                // `HTTP/1.1 200 OK`.
                self.head = Head { class: line.get(9).copied().unwrap_or(b'0'), ..Head::default() };
                Part::Header
            }
            Part::Header if !line.is_empty() => {
                self.header(line);
                Part::Header
            }
            Part::Header => {
                self.heads += 1;
                match self.head {
                    Head { in_chunks: true, .. } => Part::ChunkLength,
                    Head { length: 0, .. } => return self.answer_ended(counted),
                    Head { length, .. } => Part::Body(length),
                }
            }
            Part::ChunkLength => {
                let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
                match std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok())
                {
                    Some(0) => Part::Trailer,
                    Some(length) => Part::Chunk(length.saturating_add(LINE_END)),
                    None => {
                        counted.errors += 1;
                        Part::Trailer
                    }
                }
            }
            Part::Trailer if line.is_empty() => return self.answer_ended(counted),
            part => part,
        };
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = memchr::memchr(b':', line) else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.head.length =
                std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()).unwrap_or(0);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.in_chunks = value.eq_ignore_ascii_case(b"chunked");
        }
    }

    fn bytes_ended(&mut self, counted: &mut Counted) {
        match self.part {
            Part::Chunk(_) => self.part = Part::ChunkLength,
            _ => self.answer_ended(counted),
        }
    }

    fn answer_ended(&mut self, counted: &mut Counted) {
        self.part = Part::Status;
        counted.whole += 1;
        counted.errors += u64::from(self.head.class != b'2');
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::requests::{Batch, Keys};
    use super::*;

    #[test]
    fn requests_are_what_http_says() {
        let check = |template: Template, expected: &str| {
            let mut batch = Batch::new([template], Keys::Rising { count: 10, next: 7 }, 1);
            batch.renew();
            assert_eq!(String::from_utf8_lossy(batch.bytes(1)), expected);
        };
        let form = "Host: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nvalue=xy";
        check(put("xy"), &format!("PUT /v2/keys/bench/key:000000000007 HTTP/1.1\r\n{form}"));
        check(put_if("xy"), &format!("PUT /v2/keys/bench/key:000000000007?prevValue=xy HTTP/1.1\r\n{form}"));
        check(get(), "GET /v2/keys/bench/key:000000000007 HTTP/1.1\r\nHost: bench\r\n\r\n");
        check(wait(), "GET /v2/keys/bench/key:000000000007?wait=true HTTP/1.1\r\nHost: bench\r\n\r\n");
    }

    #[test]
    fn answers_are_counted_however_they_are_cut() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nHTTP/\
            HTTP/1.1 201 Created\r\nTRANSFER-ENCODING:chunked\r\n\r\n5\r\na\r\nbc\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nT: x\r\n\r\n\
            HTTP/1.1 404 Not Found\r\ncontent-length:1\r\n\r\nx\
            HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab";
        for size in [1, 2, 3, 7, 16, bytes.len()] {
            let mut counter = HttpCounter::default();
            let mut total = Counted::default();
            for part in bytes.chunks(size) {
                let counted = counter.feed(part);
                total.whole += counted.whole;
                total.errors += counted.errors;
            }
            assert_eq!(total, Counted { whole: 4, errors: 1, resets: 0 }, "by {size}");
            assert_eq!(counter.heads(), 5, "by {size}");
        }
    }
}
