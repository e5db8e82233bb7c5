//! Unix sockets and their files.

use std::fs;
use std::path::Path;

use tokio::net::UnixStream;

use super::*;

async fn bind(path: &Path) -> Result<Listeners, BindError> {
    Listeners::bind(&[format!("unix:{}", path.display()).parse().unwrap()]).await
}

#[tokio::test]
async fn a_unix_socket_serves_and_leaves_no_file_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hyrax.sock");
    let listener = format!("unix:{}", path.display());
    let running = Running::start(StandIn::default(), &[&listener], None).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"[]").await.unwrap();
    assert_eq!(read_until(&mut stream, "[]").await, "line from=unix tls=false sudo=true\n[]");
    assert_eq!(running.stop().await, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_file_is_replaced_and_a_living_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hyrax.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "what a killed server leaves behind");
    let bound = bind(&path).await.unwrap();

    let error = bind(&path).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("is in use"), "{error}");
    assert!(path.exists());
    drop(bound);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "precious").unwrap();
    let error = bind(&path).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("is no socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn another_servers_file_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hyrax.sock");
    let first = bind(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    let second = bind(&path).await.unwrap();
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let bound = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let address = bound.addresses().next().unwrap().to_string();
    let error = Listeners::bind(&[address.parse().unwrap()]).await.err().map(|error| error.to_string());
    assert_eq!(
        error.unwrap_or_default(),
        format!("{address} is in use; stop what listens there, or listen elsewhere (--listen)")
    );
}
