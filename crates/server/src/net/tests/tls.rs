//! TLS on the same port, and the same protocols inside of it.

use std::fs;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

/// A server with a certificate of its own, and what a client needs to trust it.
async fn start() -> (Running, Arc<RootCertStore>) {
    let directory = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let tls = TlsServer::load(&certificate, &key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    (Running::start(StandIn::default(), &["127.0.0.1:0"], Some(tls)).await, Arc::new(roots))
}

async fn connect(running: &Running, roots: &Arc<RootCertStore>, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, running.connect().await).await.unwrap()
}

#[tokio::test]
async fn every_protocol_is_told_apart_inside_of_tls() {
    let (running, roots) = start().await;
    let mut line = connect(&running, &roots, &[]).await;
    trickle(&mut line, b"[1]").await;
    assert_eq!(read_until(&mut line, "[1]").await, "line from=tcp tls=true sudo=true\n[1]");

    let mut resp = connect(&running, &roots, &[]).await;
    resp.write_all(b"PING\r\n").await.unwrap();
    assert!(read_to_end(&mut resp).await.starts_with("+the RESP door"));

    let mut http = connect(&running, &roots, &[b"http/1.1"]).await;
    http.write_all(b"POST /hyrax HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n[]").await.unwrap();
    let answer = read_until(&mut http, "[]").await;
    assert!(answer.ends_with("post from=tcp tls=true sudo=true None []"), "{answer}");

    let mut h2 = connect(&running, &roots, &[b"h2", b"http/1.1"]).await;
    assert_eq!(h2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    h2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut header = [0; 9];
    timeout(PATIENCE, h2.read_exact(&mut header)).await.unwrap().unwrap();
    assert_eq!(header[3], 4);
}

#[tokio::test]
async fn plain_text_is_served_beside_it() {
    let (running, _) = start().await;
    let mut line = running.connect().await;
    line.write_all(b"[1]").await.unwrap();
    assert_eq!(read_until(&mut line, "[1]").await, "line from=tcp tls=false sudo=true\n[1]");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_not_waited_for() {
    let (running, _) = start().await;
    let mut stream = running.connect().await;
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
    let start = tokio::time::Instant::now();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert!((9..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn files_that_are_no_certificate_and_key_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, content: String| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (one, other) = (pair(), pair());
    let certificate = file("cert.pem", one.cert.pem());
    let key = file("key.pem", one.signing_key.serialize_pem());
    let foreign_key = file("other.pem", other.signing_key.serialize_pem());
    let nothing = file("nothing.pem", "nothing".to_owned());
    let check = |certificate: &std::path::Path, key: &std::path::Path, expected: &str| {
        let error =
            TlsServer::load(certificate, key).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{error}");
    };
    check(&nothing, &key, "no certificate could be read from");
    check(&certificate, &nothing, "no private key could be read from");
    check(&certificate, &foreign_key, "cannot be used together");
    check(&directory.path().join("gone.pem"), &key, "gone.pem");
}
