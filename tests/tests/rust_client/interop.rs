//! etcd's own tools and the library exclude each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyrax_client::connect;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// An `etcdctl` that is stopped when dropped.
struct Etcdctl(Child);

impl Etcdctl {
    fn start(endpoint: &str, arguments: &[&str]) -> Etcdctl {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", endpoint]).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Etcdctl(child.expect("etcdctl is installed"))
    }

    /// Waits until it says that it has what it asked for: only then it gives that up when it is interrupted.
    fn has_it(&mut self) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains('/'), "{line}");
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
    }
}

impl Drop for Etcdctl {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn etcdctl_lock_and_the_librarys_locks_wait_for_each_other() {
    let (hyrax, etcd) = (Hyrax::start(&[]), Etcd::start());
    for (scheme, address) in [("hyrax", hyrax.address()), ("etcd", etcd.address())] {
        let connection = connect(&format!("{scheme}://{address}")).await.unwrap();
        let endpoint = format!("http://{address}");
        let lock = connection.lock("jobs");
        let mut etcdctl = Etcdctl::start(&endpoint, &["lock", "jobs"]);
        etcdctl.has_it();
        assert!(lock.try_acquire().await.unwrap().is_none());
        etcdctl.interrupt();
        let held = timeout(SOON, lock.acquire()).await.unwrap().unwrap();
        let marker = tempfile::tempdir().unwrap();
        let file = marker.path().join("came");
        let mut waiting = Etcdctl::start(&endpoint, &["lock", "jobs", "touch", file.to_str().unwrap()]);
        timeout(SOON, async {
            while lock.holder().await.unwrap().is_none_or(|holder| holder.waiting == 0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        assert!(!file.exists(), "it waits");
        assert!(held.release().await.unwrap());
        let status = tokio::task::spawn_blocking(move || waiting.0.wait().unwrap()).await.unwrap();
        assert!(status.success() && file.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn etcdctl_elect_and_the_librarys_elections_are_the_same() {
    let (hyrax, etcd) = (Hyrax::start(&[]), Etcd::start());
    for (scheme, address) in [("hyrax", hyrax.address()), ("etcd", etcd.address())] {
        let connection = connect(&format!("{scheme}://{address}")).await.unwrap();
        let election = connection.election("scheduler");
        let mut observer = election.observe();
        assert_eq!(observer.next().await.unwrap(), None);
        let mut etcdctl = Etcdctl::start(&format!("http://{address}"), &["elect", "scheduler", "theirs"]);
        let leader = timeout(SOON, observer.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(leader.value, "theirs");
        etcdctl.has_it();
        etcdctl.interrupt();
        let ours = timeout(SOON, election.campaign("ours")).await.unwrap().unwrap();
        assert!(ours.token() > leader.token);
    }
}
