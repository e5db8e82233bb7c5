//! TLS to a member: whom to trust, and who to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::settings::TlsSettings;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or no PEM.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody is trusted.
    #[error("this system trusts no authority; name the PEM file of etcd's with ca=FILE")]
    NoAuthority,
    /// What no certificate can be made for.
    #[error("`{0}` is not what a certificate can be made for")]
    ServerName(String),
    /// The library refuses.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// Encrypts connections.
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    pub(crate) fn load(settings: &TlsSettings) -> Result<Tls, TlsError> {
        // The provider is named, as a process may hold several, and then none is the default.
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(settings.ca.as_deref())?);
        let mut config = match &settings.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad_file(key, error))?;
                config.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let server_name = settings.server_name.as_deref().map(name).transpose()?;
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), server_name })
    }

    /// What the certificate of `host` must be made for.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        self.server_name.clone().map_or_else(|| name(host), Ok)
    }
}

fn name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_: InvalidDnsNameError| TlsError::ServerName(host.to_owned()))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        // One that can not be read or understood is one that is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(TlsError::NoAuthority) } else { Ok(roots) };
    };
    for certificate in certificates(path)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| bad_file(path, error))?;
    if read.is_empty() {
        let reason = "no certificate is in it; it must be a PEM file".to_owned();
        return Err(TlsError::File { path: path.to_owned(), reason });
    }
    Ok(read)
}

fn bad_file(path: &Path, error: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: error.to_string() }
}
