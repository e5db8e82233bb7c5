//! Single HTTP/1.1 requests, written and read byte by byte, so that a test may send what no client would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, status line included.
    pub head: String,
    /// The body; empty where the connection was upgraded.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }
}

/// GET with these header fields.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, "GET", path, headers, b"")
}

/// POST with these header fields.
pub fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    request(address, "POST", path, headers, body)
}

/// Any method, with these header fields.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream =
        TcpStream::connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
    stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("an open socket takes options");
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).expect("the server takes a head");
    // A server that refuses may do so before it has read the body.
    let _ = stream.write_all(body);
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut read = Vec::new();
    let end_of_head = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        let mut some = [0; 4096];
        match stream.read(&mut some) {
            Ok(0) => panic!("closed before the head ended: {}", String::from_utf8_lossy(&read)),
            Ok(count) => read.extend_from_slice(&some[..count]),
            Err(error) => panic!("no answer: {error}"),
        }
    };
    let head = String::from_utf8_lossy(&read[..end_of_head]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head}"));
    let mut body = read.split_off(end_of_head);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    if let Some(length) = length {
        let missing = usize::saturating_sub(length, body.len());
        let rest = body.len();
        body.resize(rest + missing, 0);
        stream.read_exact(&mut body[rest..]).unwrap_or_else(|error| panic!("half a body: {error}"));
    }
    Answer { status, head, body }
}
