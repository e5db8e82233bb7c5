//! What people see who come with a client of a door that is not there.

use std::process::Stdio;

use tokio::process::Command;

use super::*;

/// What a command prints on either stream. It must be installed.
async fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env("ETCDCTL_API", "3");
    let output = timeout(PATIENCE, command.output()).await.expect("the client ends");
    let output = output.unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn redis_cli_reaches_its_door() {
    let running = Running::plain().await;
    let port = running.address().port().to_string();
    let shown = run("redis-cli", &["-p", &port, "get", "foo"]).await;
    assert!(shown.contains("the RESP door"), "{shown}");
}

#[tokio::test]
async fn etcdctl_reaches_its_door() {
    let running = Running::plain().await;
    let endpoint = running.address().to_string();
    let shown = run("etcdctl", &["--endpoints", &endpoint, "get", "foo"]).await;
    assert!(shown.contains("the gRPC door at /etcdserverpb.KV/Range"), "{shown}");
}

#[tokio::test]
async fn curl_is_served_over_both_versions_of_http() {
    let running = Running::plain().await;
    let url = format!("http://{}/health", running.address());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(run("curl", &["-s", version, &url]).await, "{\"health\":\"true\"}\n", "{version}");
    }
}
