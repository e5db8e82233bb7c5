//! TLS: whom to trust, and how to show who asks.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::error::{Error, Result};

/// Whom to trust, and how to show who asks. By default the authorities that the system trusts, and nothing shown.
///
/// ```no_run
/// use hyrax_client::etcd_v2::{Client, Settings, Tls};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::default().trust_file("ca.pem")?.identity_files("client.pem", "client-key.pem")?;
/// let client = Client::new(Settings::new(["https://etcd.example.org:2379"]).tls(tls))?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Tls {
    trusted: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Tls {
    /// Trusts the authorities of a PEM file, and not those of the system.
    pub fn trust_file(self, path: impl AsRef<Path>) -> Result<Tls> {
        let path = path.as_ref();
        let pem = read(path)?;
        self.trust_pem(&pem).map_err(|error| Error::Settings(format!("{}: {error}", path.display())))
    }

    /// The same of what such a file holds.
    pub fn trust_pem(mut self, pem: &[u8]) -> Result<Tls> {
        self.trusted.extend(certificates(pem)?);
        Ok(self)
    }

    /// Shows this certificate to servers that ask for one. Both files are PEM.
    pub fn identity_files(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Tls> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let (chain, private) = (read(certificate)?, read(key)?);
        self.identity_pem(&chain, &private).map_err(|error| {
            Error::Settings(format!("{}, {}: {error}", certificate.display(), key.display()))
        })
    }

    /// The same of what such files hold.
    pub fn identity_pem(mut self, certificate: &[u8], key: &[u8]) -> Result<Tls> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Error::Settings(format!("no private key can be read: {error}")))?;
        self.identity = Some((certificates(certificate)?, key));
        Ok(self)
    }

    /// What a connection is made with.
    pub(super) fn config(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        if self.trusted.is_empty() {
            // One that cannot be read or understood is one that is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for certificate in &self.trusted {
            roots.add(certificate.clone()).map_err(refused)?;
        }
        // The provider is named, as a process may hold several, and then none is the default.
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_root_certificates(roots);
        match &self.identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(refused)
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }
}

impl Clone for Tls {
    fn clone(&self) -> Tls {
        let identity = self.identity.as_ref().map(|(chain, key)| (chain.clone(), key.clone_key()));
        Tls { trusted: self.trusted.clone(), identity }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trusted", &self.trusted.len())
            .field("has_identity", &self.identity.is_some())
            .finish()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::Settings(format!("cannot read {}: {error}", path.display())))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::Settings("there is no certificate in it; it must be PEM".to_owned())),
        Err(error) => Err(Error::Settings(format!("no certificate can be read: {error}"))),
    }
}

fn refused(error: rustls::Error) -> Error {
    Error::Settings(format!("TLS cannot be used so: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in [&b""[..], b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let tls = Tls::default().trust_pem(pem).and_then(|tls| tls.config());
            assert!(matches!(tls, Err(Error::Settings(_))), "{}", String::from_utf8_lossy(pem));
        }
        assert!(matches!(Tls::default().trust_file("/nowhere"), Err(Error::Settings(_))));
        assert!(matches!(Tls::default().identity_pem(b"", b""), Err(Error::Settings(_))));
    }
}
