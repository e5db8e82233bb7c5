//! One keep-alive connection, and what comes over it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header fields, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The index that it is as of.
    pub fn index(&self) -> u64 {
        let index = self.header("x-etcd-index").unwrap_or_else(|| panic!("no index: {self:?}"));
        index.parse().unwrap_or_else(|_| panic!("an index is a number: {self:?}"))
    }
}

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("an open socket takes options");
        stream.set_nodelay(true).expect("an open socket takes options");
        Connection { reader: BufReader::new(stream) }
    }

    /// Answers are waited for no longer than this.
    pub fn wait_at_most(&self, patience: Duration) {
        self.reader.get_ref().set_read_timeout(Some(patience)).expect("an open socket takes options");
    }

    /// Sends a request with a form, or another body.
    pub fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: etcd\r\n{headers}Content-Length: {length}\r\n\r\n");
        let request = [head.as_bytes(), body].concat();
        // Who refuses may do so before it has read everything.
        _ = self.reader.get_ref().write_all(&request);
    }

    /// Sends a form and reads the answer.
    pub fn ask(&mut self, method: &str, target: &str, form: &str) -> Response {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let headers = if form.is_empty() { "" } else { kind };
        self.send(method, target, headers, form.as_bytes());
        self.read(method).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// Reads an answer.
    pub fn read(&mut self, method: &str) -> io::Result<Response> {
        let mut response = self.read_head()?;
        if method == "HEAD" || response.status == 204 {
            return Ok(response);
        }
        if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.read_chunk()? {
                response.body.extend(chunk);
            }
        } else {
            let length = response.header("content-length").and_then(|length| length.parse().ok());
            response.body.resize(length.unwrap_or(0), 0);
            self.reader.read_exact(&mut response.body)?;
        }
        Ok(response)
    }

    /// Reads the head of an answer.
    pub fn read_head(&mut self) -> io::Result<Response> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Response { status, headers, body: Vec::new() })
    }

    /// Reads one chunk of a body; none at its end.
    pub fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length = self.line()?;
        let length = usize::from_str_radix(&length, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length];
        self.reader.read_exact(&mut chunk)?;
        self.line()?;
        Ok((length > 0).then_some(chunk))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}
