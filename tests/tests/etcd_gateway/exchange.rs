//! Requests to one server of either kind, and what of its answers must be equal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use serde_json::Value;

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(20);

/// No line is longer under way than this on a busy machine.
pub const QUIET: Duration = Duration::from_millis(300);

/// The fields that hold revisions: numbers that begin elsewhere on each server.
const REVISIONS: [&str; 6] =
    ["revision", "create_revision", "mod_revision", "compact_revision", "rev", "start_revision"];

/// The fields that are each server's own.
const OWN: [&str; 3] = ["cluster_id", "member_id", "raft_term"];

/// Bytes as the gateway writes them.
pub fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// A server and where its revisions begin.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    first_revision: u64,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// With the numbers that are a server's own made equal.
    pub body: String,
}

/// A real etcd and a `hyrax`, both empty.
pub struct Both {
    pub servers: [Server; 2],
    _etcd: Etcd,
    _hyrax: Hyrax,
}

impl Both {
    pub fn start() -> Both {
        let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
        let servers = [Server::at(etcd.address()), Server::at(hyrax.address())];
        Both { servers, _etcd: etcd, _hyrax: hyrax }
    }

    /// Posts the same to both, which must answer the same; what they answer.
    #[track_caller]
    pub fn agree(&self, path: &str, body: &str) -> Answer {
        let [etcd, hyrax] = self.servers.each_ref().map(|server| server.post(path, body));
        assert_eq!(hyrax, etcd, "to {path} {body}");
        hyrax
    }
}

impl Server {
    pub fn at(address: SocketAddr) -> Server {
        let mut server = Server { address, first_revision: 0 };
        let answer = server.post("/v3/kv/range", r#"{"key":"eA=="}"#);
        let header: Value = serde_json::from_str(&answer.body).expect("a range is answered");
        let revision = header["header"]["revision"].as_str().and_then(|revision| revision.parse().ok());
        server.first_revision = revision.expect("a header has a revision");
        server
    }

    /// What stands for a revision of a fresh server, counted from its first: `{+2}` in a request.
    fn with_revisions(&self, body: &str) -> String {
        let mut parts = body.split("{+");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (count, rest) = part.split_once('}').expect("a revision ends");
            let count: u64 = count.parse().expect("a revision is a number");
            whole.push_str(&(self.first_revision + count).to_string());
            whole.push_str(rest);
        }
        whole
    }

    /// The answer's text with this server's own numbers made those of any.
    fn comparable(&self, text: &str) -> String {
        let mut whole = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("\":\"") {
            let (before, after) = rest.split_at(at + 3);
            let name = before[..at].rsplit('"').next().unwrap_or_default();
            whole.push_str(before);
            rest = after;
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if OWN.contains(&name) {
                whole.push('#');
                rest = &after[digits..];
            } else if REVISIONS.contains(&name) {
                let number: u64 = after[..digits].parse().unwrap_or_default();
                whole.push_str(&format!("+{}", number.wrapping_sub(self.first_revision) as i64));
                rest = &after[digits..];
            }
        }
        whole + rest
    }

    /// Posts a body.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, "", body)
    }

    /// Sends a request with these header lines, each with its end.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.begin(method, path, headers, body);
        let (status, head) = read_head(&mut stream);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the answer ends");
        let body =
            if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(&rest) } else { rest };
        let body = String::from_utf8(body).expect("the answer is text");
        let content_type = field(&head, "content-type").unwrap_or_default();
        Answer { status, content_type, body: self.comparable(&body) }
    }

    fn begin(&self, method: &str, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
        let body = self.with_revisions(body);
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(WITHIN)).expect("an open socket takes options");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the server takes a head");
        _ = stream.write_all(body.as_bytes());
        BufReader::new(stream)
    }

    /// Posts a body whose answer is many lines.
    pub fn stream(&self, path: &str, body: &str) -> Lines<'_> {
        let stream = self.begin("POST", path, "", body);
        Lines { server: self, stream, status: None, data: Vec::new() }
    }
}

impl Server {
    /// Posts a body that is still to come.
    pub fn stream_in_pieces(&self, path: &str) -> Lines<'_> {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(WITHIN)).expect("an open socket takes options");
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the server takes a head");
        Lines { server: self, stream: BufReader::new(stream), status: None, data: Vec::new() }
    }
}

/// The lines of an answer that goes on.
pub struct Lines<'a> {
    server: &'a Server,
    stream: BufReader<TcpStream>,
    /// Once the head has come.
    status: Option<u16>,
    data: Vec<u8>,
}

impl Lines<'_> {
    /// The next line, without what is the server's own; none when the answer has ended.
    pub fn next(&mut self) -> Option<String> {
        self.status();
        loop {
            if let Some(end) = self.data.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.data.drain(..=end).collect();
                let line = String::from_utf8(line).expect("a line is text");
                return Some(self.server.comparable(line.trim_end()));
            }
            let mut size = String::new();
            self.stream.read_line(&mut size).expect("a chunk comes");
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            if size == 0 {
                return None;
            }
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).expect("a chunk is whole");
            self.data.extend_from_slice(&chunk[..size]);
        }
    }

    /// Sends a piece of the body.
    pub fn send(&mut self, piece: &str) {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        self.stream.get_mut().write_all(chunk.as_bytes()).expect("the server takes a piece");
    }

    /// The status, once the head has come.
    pub fn status(&mut self) -> u16 {
        *self.status.get_or_insert_with(|| read_head(&mut self.stream).0)
    }

    /// Whether nothing comes for a while.
    pub fn is_silent(&mut self) -> bool {
        self.stream.get_ref().set_read_timeout(Some(QUIET)).expect("an open socket takes options");
        let silent = self.data.is_empty() && self.stream.fill_buf().is_err();
        self.stream.get_ref().set_read_timeout(Some(WITHIN)).expect("an open socket takes options");
        silent
    }
}

fn read_head(stream: &mut impl BufRead) -> (u16, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut head).expect("a head comes");
        assert!(read > 0, "closed before the head ended: {head}");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {head}")), head)
}

fn field(head: &str, wanted: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
    })
}

fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = chunks.iter().position(|&byte| byte == b'\n') {
        let size = String::from_utf8_lossy(&chunks[..end]);
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&chunks[end + 1..end + 1 + size]);
        chunks = &chunks[end + 1 + size + 2..];
    }
    whole
}
