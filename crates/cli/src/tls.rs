//! TLS as a client: whom to trust, and what is wrong when a server is not.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An encrypted connection.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// How long a server may take for each step of the handshake.
const STEP_MAX: Duration = Duration::from_secs(10);

/// The authorities that a server's certificate may come from.
#[derive(Debug)]
pub struct Trust {
    roots: RootCertStore,
    /// The file that names them; without one they are the system's.
    file: Option<PathBuf>,
}

/// Trusts the authorities of a PEM file or, without one, those that the system trusts.
pub fn trust(file: Option<&Path>) -> Result<Trust> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        // One that cannot be read or understood is one that is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            bail!("this system trusts no authority; name the PEM file of the server's with --ca FILE");
        }
        return Ok(Trust { roots, file: None });
    };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let failed = || format!("no certificate could be read from {}; it must be a PEM file", path.display());
    for certificate in read.with_context(failed)? {
        roots.add(certificate).with_context(failed)?;
    }
    if roots.is_empty() {
        bail!("{}", failed());
    }
    Ok(Trust { roots, file: Some(path.to_owned()) })
}

impl Trust {
    /// What a client that trusts these speaks, if it asks for the protocols `alpn`.
    pub fn config(&self, alpn: &[&[u8]]) -> Result<ClientConfig> {
        // The provider is named, as a process may hold several, and then none is the default.
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// What is wrong with the server `host`, in words that say what to do.
    pub fn explain(&self, error: &io::Error, host: &str) -> anyhow::Error {
        explain(error, host, self.file.as_deref())
    }
}

/// The name in `HOST:PORT`, as certificates are made for.
pub fn server_name(address: &str) -> Result<ServerName<'static>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .with_context(|| format!("`{host}` is not what a certificate can be made for"))
}

/// Encrypts `stream`, which leads to `address`, if the server there is trusted.
pub fn connect(address: &str, mut stream: TcpStream, trust: &Trust) -> Result<TlsStream> {
    let name = server_name(address)?;
    let host = name.to_str().into_owned();
    let mut session = ClientConnection::new(Arc::new(trust.config(&[])?), name)?;
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(|error| trust.explain(&error, &host))?;
    }
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)?;
    Ok(StreamOwned::new(session, stream))
}

/// What is wrong with a server, in words that say what to do.
fn explain(error: &io::Error, host: &str, file: Option<&Path>) -> anyhow::Error {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => anyhow!("it does not answer over TLS"),
            io::ErrorKind::UnexpectedEof => anyhow!("it closed the connection when asked for TLS"),
            _ => anyhow!("{error}"),
        };
    };
    match cause {
        rustls::Error::InvalidCertificate(problem) => anyhow!("{}", untrusted(problem, host, file)),
        rustls::Error::InvalidMessage(_) => anyhow!("it does not speak TLS"),
        rustls::Error::AlertReceived(alert) => {
            anyhow!("it refuses TLS, as a server without a certificate does ({alert:?})")
        }
        other => anyhow!("{other}"),
    }
}

fn untrusted(problem: &CertificateError, host: &str, file: Option<&Path>) -> String {
    use CertificateError as Problem;
    match (problem, file) {
        // A wrong signature is that of another authority with the same name.
        (Problem::UnknownIssuer | Problem::BadSignature, Some(file)) => {
            format!("its certificate comes from none of the authorities in {}", file.display())
        }
        (Problem::UnknownIssuer | Problem::BadSignature, None) => {
            "its certificate comes from no authority that this system trusts; name the PEM file of its \
             authority with --ca FILE"
                .to_owned()
        }
        (Problem::NotValidForName | Problem::NotValidForNameContext { .. }, _) => {
            format!("its certificate is not for `{host}` ({problem})")
        }
        // The checker's word for it; the type behind is its own.
        (Problem::Other(other), _) if other.to_string() == "CaUsedAsEndEntity" => {
            "its certificate is an authority's; a server's says CA:FALSE (in openssl: -addext \
             basicConstraints=critical,CA:FALSE)"
                .to_owned()
        }
        _ => format!("its certificate is not accepted: {problem}"),
    }
}
