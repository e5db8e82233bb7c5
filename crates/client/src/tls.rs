//! TLS as a client: whom to trust, and what is wrong when a server is not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use thiserror::Error;

/// The authorities that a server's certificate may come from.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// The file that names them; without one they are the system's.
    file: Option<PathBuf>,
}

/// Why nobody can be trusted, or a server is not.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TlsError(String);

impl Trust {
    /// Trusts the authorities of a PEM file or, without one, those that the system trusts.
    pub fn new(file: Option<&Path>) -> Result<Trust, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(path) = file else {
            // One that cannot be read or understood is one that is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError(
                    "this system trusts no authority; name the PEM file of the server's".to_owned(),
                ));
            }
            return Ok(Trust { roots: roots.into(), file: None });
        };
        let bad = |reason: &dyn std::fmt::Display| {
            let path = path.display();
            TlsError(format!("no certificate could be read from {path}; it must be a PEM file ({reason})"))
        };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in read.map_err(|error| bad(&error))? {
            roots.add(certificate).map_err(|error| bad(&error))?;
        }
        if roots.is_empty() {
            return Err(bad(&"there is none in it"));
        }
        Ok(Trust { roots: roots.into(), file: Some(path.to_owned()) })
    }

    /// What a client that trusts these speaks, if it asks for the protocols `alpn`.
    pub fn config(&self, alpn: &[&[u8]]) -> Result<ClientConfig, TlsError> {
        // The provider is named, as a process may hold several, and then none is the default.
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?;
        let mut config = builder.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// What is wrong with the server `host`, in words that say what to do.
    pub fn explain(&self, error: &io::Error, host: &str) -> String {
        let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    "it does not answer over TLS".to_owned()
                }
                io::ErrorKind::UnexpectedEof => "it closed the connection when asked for TLS".to_owned(),
                _ => error.to_string(),
            };
        };
        match cause {
            rustls::Error::InvalidCertificate(problem) => self.untrusted(problem, host),
            rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
            rustls::Error::AlertReceived(alert) => {
                format!("it refuses TLS, as a server without a certificate does ({alert:?})")
            }
            other => other.to_string(),
        }
    }

    fn untrusted(&self, problem: &CertificateError, host: &str) -> String {
        use CertificateError as Problem;
        match (problem, &self.file) {
            // A wrong signature is that of another authority with the same name.
            (Problem::UnknownIssuer | Problem::BadSignature, Some(file)) => {
                format!("its certificate comes from none of the authorities in {}", file.display())
            }
            (Problem::UnknownIssuer | Problem::BadSignature, None) => {
                "its certificate comes from no authority that this system trusts; name the PEM file of its authority"
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
}

/// The name in `HOST:PORT`, as certificates are made for.
pub fn server_name(address: &str) -> Result<ServerName<'static>, TlsError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .map_err(|_| TlsError(format!("`{host}` is not what a certificate can be made for")))
}
