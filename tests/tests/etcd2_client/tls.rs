//! TLS: authorities of one's own, certificates of clients, and names and passwords.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use hyrax_client::etcd_v2::{Client, Error, ErrorCode, Result, Settings, Tls};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::{Process, on_free_ports};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority, and a certificate of it for `localhost`, which servers and clients may show.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(parameters, key);
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Authority { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.file(name).display())
    }

    fn trusted(&self) -> Tls {
        Tls::default().trust_file(self.file("ca.pem")).unwrap()
    }

    fn shown(&self) -> Tls {
        self.trusted().identity_files(self.file("cert.pem"), self.file("key.pem")).unwrap()
    }

    /// A real etcd that asks clients for a certificate of this authority.
    fn etcd(&self) -> (Process, u16) {
        on_free_ports(|[port, peer_port]| {
            let (client, peer) =
                (format!("https://localhost:{port}"), format!("http://127.0.0.1:{peer_port}"));
            let listen = format!("https://127.0.0.1:{port}");
            let mut command = Command::new("etcd");
            command.args(["--name", "peer", "--enable-v2=true", "--logger", "zap", "--client-cert-auth"]);
            command.arg("--data-dir").arg(self.folder.path().join("data"));
            command.args(["--listen-client-urls", &listen, "--advertise-client-urls", &client]);
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args(["--initial-cluster", &format!("peer={peer}")]);
            command.args([self.flag("cert-file", "cert.pem"), self.flag("key-file", "key.pem")]);
            command.arg(self.flag("trusted-ca-file", "ca.pem"));
            let mut process = Process::start(command, &self.folder.path().join("log"));
            process.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
            Ok((process, port))
        })
    }
}

async fn write(port: u16, tls: Tls) -> Result<()> {
    let client = Client::new(Settings::new([format!("https://localhost:{port}")]).tls(tls))?;
    client.set("/a", "1").await?;
    assert_eq!(client.get("/a").await?.node.value.as_deref(), Some("1"));
    Ok(())
}

fn assert_unsent(result: Result<()>) {
    let Err(Error::Unreachable(attempts)) = result else { panic!("not refused: {result:?}") };
    assert!(attempts[0].is_unsent(), "{attempts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_with_a_certificate_of_a_trusted_authority_is_asked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let flags = [authority.flag("tls-cert", "cert.pem"), authority.flag("tls-key", "key.pem")];
    let hyrax = Hyrax::start(&flags.each_ref().map(String::as_str));
    let port = hyrax.address().port();
    write(port, authority.trusted()).await.unwrap();
    assert_unsent(write(port, other.trusted()).await);
    assert_unsent(write(port, Tls::default()).await);
    let by_address = Settings::new([format!("https://{}", hyrax.address())]).tls(authority.trusted());
    assert_unsent(Client::new(by_address).unwrap().set("/a", "1").await.map(|_| ()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let authority = Authority::new();
    let (_etcd, port) = authority.etcd();
    write(port, authority.shown()).await.unwrap();
    write(port, authority.trusted()).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_password_are_sent_and_never_shown() {
    let hyrax = Hyrax::start(&["--operator", "ann:hu@sh"]);
    let address = hyrax.address();
    let settings = Settings::new([format!("http://{address}")]);
    let refused = Client::new(settings.clone()).unwrap().set("/a", "1").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Unauthorized));
    let named = settings.credentials("ann", "hu@sh");
    let in_url = Settings::new([format!("http://ann:hu%40sh@{address}")]);
    for settings in [named, in_url] {
        assert!(!format!("{settings:?}").contains("hu"), "{settings:?}");
        let client = Client::new(settings).unwrap();
        assert!(!format!("{client:?} {:?}", client.endpoints()).contains("hu@sh"));
        client.set("/a", "1").await.unwrap();
    }
}
