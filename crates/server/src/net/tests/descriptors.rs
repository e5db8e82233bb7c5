//! A server that runs out of file descriptors. The limit is the process', so the test runs itself in
//! a process of its own.

use std::env;
use std::fs::File;
use std::process::Command;

use super::*;

const FEW: &str = "HYRAX_TEST_FEW_DESCRIPTORS";

#[test]
fn running_out_of_descriptors_is_survived() {
    if env::var_os(FEW).is_some() {
        return survive();
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact \"$1\""])
        .arg(env::current_exe().unwrap())
        .arg("net::tests::descriptors::running_out_of_descriptors_is_survived")
        .env(FEW, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::main(flavor = "current_thread")]
async fn survive() {
    let running = Running::plain().await;
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
        assert!(files.len() < 1000, "the limit was not set");
    }
    // The client takes the last descriptor; the server has none to accept it with.
    files.pop();
    let mut stream = running.connect().await;
    stream.write_all(b"[]").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.try_read(&mut [0; 8]).unwrap_err();
    files.clear();
    read_until(&mut stream, "[]").await;
}
