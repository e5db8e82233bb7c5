//! Names, passwords and certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use hyrax_coordination::{Coordination, KeyRange, PutError, RangeRequest, WatchRequest};
use hyrax_coordination_etcd::{ConnectError, EtcdCoordination, EtcdSettings};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::{Etcd, Process, on_free_ports};
use hyrax_tests::programs::{fed, output_of};
use hyrax_types::Revision;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::stage::{engine, next, put};

fn etcdctl(etcd: &Etcd, words: &[&str]) {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", &etcd.endpoint()]).args(words);
    output_of(&mut command);
}

fn with_auth() -> Etcd {
    let etcd = Etcd::start();
    etcdctl(&etcd, &["user", "add", "root:secret"]);
    etcdctl(&etcd, &["user", "add", "ann:hers"]);
    etcdctl(&etcd, &["role", "add", "some"]);
    etcdctl(&etcd, &["role", "grant-permission", "some", "readwrite", "hers/", "--prefix=true"]);
    etcdctl(&etcd, &["user", "grant-role", "ann", "some"]);
    etcdctl(&etcd, &["auth", "enable"]);
    etcd
}

fn url(etcd: &Etcd, who: &str) -> EtcdSettings {
    format!("etcd://{who}{}", etcd.address()).parse().expect("a URL")
}

async fn refused(settings: EtcdSettings) -> String {
    match EtcdCoordination::connect(settings).await {
        Err(ConnectError::Refused(reason)) => reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was let in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_name_and_a_password_is_let_in_and_nobody_else() {
    let etcd = with_auth();
    let root = engine(url(&etcd, "root:secret@")).await;
    put(&*root, "a", "1").await.expect("put");
    let reason = refused(url(&etcd, "root:wrong@")).await;
    assert!(reason.contains("authentication failed") && !reason.contains("wrong"), "{reason}");
    // A name is of no harm where none is needed.
    let open = Etcd::start();
    put(&*engine(url(&open, "root:secret@")).await, "a", "1").await.expect("put");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_longer_good_is_renewed_unseen() {
    let etcd = with_auth();
    let root = engine(url(&etcd, "root:secret@")).await;
    let mut watch = root.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    put(&*root, "a", "1").await.expect("put");
    next(&mut *watch).await;
    // The same password set anew ends all tokens.
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", &etcd.endpoint(), "--user", "root:secret"]);
    fed(command.args(["user", "passwd", "root", "--interactive=false"]), "secret\n");
    put(&*root, "b", "2").await.expect("put");
    root.range(RangeRequest::new(KeyRange::all())).await.expect("range");
    assert_eq!(next(&mut *watch).await.events[0].kv.key.as_ref(), b"b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_permitted_is_told_as_such() {
    let etcd = with_auth();
    let ann = engine(url(&etcd, "ann:hers@")).await;
    put(&*ann, "hers/a", "1").await.expect("put");
    assert_eq!(put(&*ann, "theirs", "1").await, Err(PutError::Reserved));
    let denied = |error: String| assert!(error.contains("permission denied"), "{error}");
    denied(
        ann.range(RangeRequest::new(KeyRange::single("theirs"))).await.expect_err("a refusal").to_string(),
    );
    let request = |range| WatchRequest::new(range, Revision::ZERO);
    denied(ann.watch(request(KeyRange::single("theirs"))).await.err().expect("a refusal").to_string());
    let mut hers = ann.watch(request(KeyRange::prefix("hers/"))).await.expect("watch");
    let written = put(&*ann, "hers/b", "1").await.expect("put");
    assert_eq!(next(&mut *hers).await.revision, written);
}

/// An authority, and certificates that it made for 127.0.0.1.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn new() -> Certificates {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("ca.pem", &authority.pem());
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
            write(&format!("{name}.pem"), &params.signed_by(&key, &authority).expect("a certificate").pem());
            write(&format!("{name}.key"), &key.serialize_pem());
        }
        Certificates { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_over_tls_if_it_is_trusted() {
    let certificates = Certificates::new();
    let hyrax = Hyrax::start(&[
        "--tls-cert",
        &certificates.text("server.pem"),
        "--tls-key",
        &certificates.text("server.key"),
    ]);
    let url = format!("etcds://{}?ca={}", hyrax.address(), certificates.text("ca.pem"));
    put(&*engine(url.parse().expect("a URL")).await, "a", "1").await.expect("put");
    let others = Certificates::new();
    let url = format!("etcds://{}?timeout=1s&ca={}", hyrax.address(), others.text("ca.pem"));
    let error =
        EtcdCoordination::connect(url.parse().expect("a URL")).await.err().expect("not trusted").to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_wants_a_certificate_is_shown_one() {
    let certificates = Certificates::new();
    let (etcd, address) = on_free_ports(|[client, peer]| {
        let address = SocketAddr::from(([127, 0, 0, 1], client));
        Ok((tls_etcd(&certificates, address, peer), address))
    });
    let url = format!("etcds://{address}?ca={}", certificates.text("ca.pem"));
    let shown =
        format!("{url}&cert={}&key={}", certificates.text("client.pem"), certificates.text("client.key"));
    let shown: EtcdSettings = shown.parse().expect("a URL");
    let mut connected = EtcdCoordination::connect(shown.clone()).await;
    for _ in 0..5 {
        if connected.is_err() {
            connected = EtcdCoordination::connect(shown.clone()).await;
        }
    }
    let engine = connected.unwrap_or_else(|error| panic!("{error}\n{}", etcd.said()));
    put(&engine, "a", "1").await.expect("put");
    assert!(EtcdCoordination::connect(format!("{url}&timeout=1s").parse().expect("a URL")).await.is_err());
}

fn tls_etcd(certificates: &Certificates, address: SocketAddr, peer: u16) -> Process {
    let folder: &Path = certificates.folder.path();
    let client = format!("https://{address}");
    let peer = format!("http://127.0.0.1:{peer}");
    let mut command = Command::new("etcd");
    command.args(["--name", "peer", "--logger", "zap", "--data-dir"]).arg(folder.join("data"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("peer={peer}"), "--client-cert-auth"]);
    command.arg("--trusted-ca-file").arg(certificates.path("ca.pem"));
    command.arg("--cert-file").arg(certificates.path("server.pem"));
    command.arg("--key-file").arg(certificates.path("server.key"));
    Process::start(command, &folder.join("log"))
}
