//! A process that is really stopped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hyrax_types::SystemClock;

use crate::embedded::{Embedded, EmbeddedSettings};
use crate::{Coordination, LeaseGrantRequest};

/// Set for the process that is to be stopped.
const STOPPED: &str = "HYRAX_TEST_STOPPED";

const TTL: Duration = Duration::from_millis(1_500);

/// Not a test by itself: what the stopped process runs. It says that it is ready, is stopped, and when it goes on
/// says whether the lease, which nobody renewed meanwhile, is there, and whether it then ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_stopped_process() {
    if std::env::var_os(STOPPED).is_none() {
        return;
    }
    let settings =
        EmbeddedSettings { pause_min: Some(Duration::from_millis(500)), ..EmbeddedSettings::default() };
    let engine = Embedded::start(Arc::new(SystemClock), settings);
    let lease = engine.lease_grant(LeaseGrantRequest::new(TTL)).await.expect("granted").id;
    println!("\nready");
    std::io::stdout().flush().expect("flushed");
    // Stopped somewhere in here.
    std::io::stdin().read_line(&mut String::new()).expect("a line");
    let is_there = engine.leases().await.expect("leases").leases.contains(&lease);
    let renewed = engine.lease_keep_alive(lease).await.is_ok();
    tokio::time::sleep(TTL * 2).await;
    let ended = engine.leases().await.expect("leases").leases.is_empty();
    println!("\nthere {is_there}, renewed {renewed}, ended {ended}");
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

#[test]
fn a_stopped_process_ends_no_lease_that_could_not_be_renewed() {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "embedded::tests::pause::the_stopped_process", "--nocapture"])
        .env(STOPPED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process");
    let mut lines = BufReader::new(child.stdout.take().expect("its words")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "ready"));
    signal(&child, "-STOP");
    std::thread::sleep(TTL * 2);
    signal(&child, "-CONT");
    child.stdin.take().expect("its ear").write_all(b"go on\n").expect("heard");
    let said = lines.find(|line| line.starts_with("there ")).expect("what became of the lease");
    assert!(child.wait().expect("its end").success());
    assert_eq!(said, "there true, renewed true, ended true");
}
