//! TLS as a client that blocks: whom to trust is the library's to say, and here in the words of flags.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
pub use hyrax_client::tls::{Trust, server_name};
use rustls::{ClientConnection, StreamOwned};

/// An encrypted connection.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// How long a server may take for each step of the handshake.
const STEP_MAX: Duration = Duration::from_secs(10);

/// Trusts the authorities of a PEM file or, without one, those that the system trusts.
pub fn trust(file: Option<&Path>) -> Result<Trust> {
    Trust::new(file).map_err(|error| with_advice(&error.to_string()))
}

/// What is wrong with the server `host`, in words that say what to do.
pub fn explain(trust: &Trust, error: &io::Error, host: &str) -> anyhow::Error {
    with_advice(&trust.explain(error, host))
}

/// Encrypts `stream`, which leads to `address`, if the server there is trusted.
pub fn connect(address: &str, mut stream: TcpStream, trust: &Trust) -> Result<TlsStream> {
    let name = server_name(address)?;
    let host = name.to_str().into_owned();
    let mut session = ClientConnection::new(Arc::new(trust.config(&[])?), name)?;
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(|error| explain(trust, &error, &host))?;
    }
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)?;
    Ok(StreamOwned::new(session, stream))
}

/// Where a file of authorities would help, how it is named.
fn with_advice(problem: &str) -> anyhow::Error {
    match problem.contains("name the PEM file") {
        true => anyhow!("{problem} with --ca FILE"),
        false => anyhow!("{problem}"),
    }
}
