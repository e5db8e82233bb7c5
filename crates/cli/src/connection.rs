//! A client's connection to the line door: JSON values, one a line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::net::sockopt;
use serde_json::Value;

use crate::address::Address;
use crate::tls::{self, TlsStream};

/// Longest line taken from a server. Replies may well be longer than what the server takes, but a
/// peer that is no Hyrax must not fill the memory.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// An open connection.
pub struct Connection {
    address: Address,
    reader: BufReader<Stream>,
    line: Vec<u8>,
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    Unix(UnixStream),
}

impl Connection {
    /// Connects. Over TLS, the server's certificate must come from an authority of the file `ca` or,
    /// without one, from one that the system trusts. The error says what to do when nobody listens.
    pub fn open(address: &Address, ca: Option<&Path>) -> Result<Connection> {
        let unreachable = |error| unreachable_server(address, &error);
        let stream = match address {
            // Else whoever names an authority, and forgets `tls://`, would send in the clear.
            Address::Tcp(_) | Address::Unix(_) if ca.is_some() => {
                bail!("--ca is for servers at tls://HOST:PORT, which {address} is not");
            }
            Address::Tcp(host) => Stream::Tcp(connect_tcp(host).map_err(unreachable)?),
            Address::Tls(host) => {
                let trust = tls::trust(ca)?;
                let stream = connect_tcp(host).map_err(unreachable)?;
                let stream = tls::connect(host, stream, &trust);
                Stream::Tls(Box::new(stream.with_context(|| format!("cannot connect to {address}"))?))
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).map_err(unreachable)?),
        };
        Ok(Connection { address: address.clone(), reader: BufReader::new(stream), line: Vec::new() })
    }

    /// How long [`Connection::receive`] waits; `None` for ever.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        match self.reader.get_ref() {
            Stream::Tcp(stream) => stream.set_read_timeout(timeout),
            Stream::Tls(stream) => stream.sock.set_read_timeout(timeout),
            Stream::Unix(stream) => stream.set_read_timeout(timeout),
        }
        .context("cannot set a timeout")
    }

    /// Sends one command.
    pub fn send(&mut self, request: &Value) -> Result<()> {
        let mut line = request.to_string();
        line.push('\n');
        let sent = match self.reader.get_mut() {
            Stream::Tcp(stream) => stream.write_all(line.as_bytes()),
            Stream::Tls(stream) => stream.write_all(line.as_bytes()).and_then(|()| stream.flush()),
            Stream::Unix(stream) => stream.write_all(line.as_bytes()),
        };
        sent.with_context(|| format!("cannot send to {}", self.address))
    }

    /// The next reply or push, or `None` when the server closed the connection.
    pub fn receive(&mut self) -> Result<Option<Value>> {
        self.line.clear();
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // Over TLS, a connection that ends without a farewell, as that of a killed server does.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                bail!("{} does not answer", self.address);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("lost the connection to {}", self.address));
            }
        }
        let value = serde_json::from_slice(&self.line);
        value.map(Some).map_err(|_| {
            let start = String::from_utf8_lossy(&self.line[..self.line.len().min(60)]).into_owned();
            anyhow!("what listens on {} does not answer as Hyrax does: {start:?}", self.address)
        })
    }

    /// The next reply, passing over pushes.
    pub fn reply(&mut self) -> Result<Value> {
        loop {
            let Some(value) = self.receive()? else {
                bail!("{} closed the connection without an answer", self.address);
            };
            if value.get("return").is_some() || value.get("error").is_some() {
                return Ok(value);
            }
        }
    }

    /// Sends one command and takes what it returns.
    pub fn call(&mut self, request: &Value) -> Result<Value> {
        self.send(request)?;
        returned(self.reply()?)
    }
}

/// What a reply returns, or its error.
pub fn returned(mut reply: Value) -> Result<Value> {
    if let Some(error) = reply.get("error") {
        bail!("{}", error.as_str().map_or_else(|| error.to_string(), str::to_owned));
    }
    Ok(reply.get_mut("return").map(Value::take).unwrap_or_default())
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

fn connect_tcp(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    notice_a_vanished_server(&stream)?;
    Ok(stream)
}

/// Lets the kernel find out, within half a minute, that the server's machine is gone: whoever only
/// listens would else wait for ever.
fn notice_a_vanished_server(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(5))?;
    Ok(sockopt::set_tcp_keepcnt(stream, 3)?)
}

/// Why nobody answers there, and what to do.
pub fn unreachable_server(address: &Address, error: &io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            "; start a server with `hyrax serve`, or name another with --url"
        }
        _ => "",
    };
    anyhow!("cannot connect to {address}: {error}{advice}")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    /// A connection to a peer that says `answer` and closes.
    fn answered(answer: &'static str) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(answer.as_bytes()).unwrap());
        Connection::open(&address, None).unwrap()
    }

    #[test]
    fn a_reply_is_told_from_pushes() {
        let mut connection = answered("{\"cmd\":\"set\",\"key\":\"foo\"}\n{\"return\":null}\n");
        assert_eq!(connection.reply().unwrap(), json!({"return": null}));
        assert!(connection.reply().unwrap_err().to_string().contains("closed the connection"));
    }

    #[test]
    fn an_error_reply_is_an_error() {
        assert_eq!(returned(json!({"error": "auth failed"})).unwrap_err().to_string(), "auth failed");
        assert_eq!(returned(json!({"return": [1]})).unwrap(), json!([1]));
    }

    #[test]
    fn a_peer_that_is_no_hyrax_is_named() {
        let error = answered("HTTP/1.1 400 Bad Request\r\n\r\n").reply().unwrap_err().to_string();
        assert!(error.contains("127.0.0.1") && error.contains("HTTP/1.1 400"), "{error}");
    }

    #[test]
    fn an_authority_is_never_named_in_vain() {
        let plain = Address::Tcp("127.0.0.1:1".to_owned());
        let error = Connection::open(&plain, Some(Path::new("ca.pem"))).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("--ca") && error.contains("tls://"), "{error}");
    }

    #[test]
    fn a_refused_connection_says_how_to_start_a_server() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error =
            Connection::open(&Address::Tcp(port.to_string()), None).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("hyrax serve") && error.contains("--url"), "{error}");
    }
}
