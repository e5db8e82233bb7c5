//! A socket to a server's line door: plain, encrypted or of this machine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::address::Socket;
use crate::tls::{Trust, server_name};

/// How the kernel finds out that the server's machine is gone: within half a minute.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_TRIES: u32 = 4;
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// What lines go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens a socket; or says why not.
pub(super) async fn open(socket: &Socket, trust: Option<&Trust>) -> Result<Box<dyn Stream>, String> {
    match socket {
        Socket::Tcp(host) => Ok(Box::new(tcp(host).await.map_err(|error| told(&error))?)),
        Socket::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(|error| told(&error))?)),
        Socket::Tls(host) => {
            let trust = trust.ok_or("no authorities are named to trust")?;
            let name = server_name(host).map_err(|error| error.to_string())?;
            let config = trust.config(&[]).map_err(|error| error.to_string())?;
            let stream = tcp(host).await.map_err(|error| told(&error))?;
            let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
            let stream = connecting.await.map_err(|error| trust.explain(&error, host))?;
            Ok(Box::new(stream))
        }
    }
}

async fn tcp(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    // A keepalive is not sent while something waits to be acknowledged.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(stream)
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            format!("{error}; is a server running there?")
        }
        _ => error.to_string(),
    }
}
