//! `hyrax import etcd2`: a live etcd's tree in a Hyrax.

use std::net::SocketAddr;
use std::time::Duration;

use hyrax_client::etcd_v2::{self, Client, Node};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use hyrax_tests::programs::run;

use super::program::{Ended, hyrax};

const HUNDRED: Duration = Duration::from_secs(100);

async fn connected(address: SocketAddr) -> Client {
    etcd_v2::connect(&address.to_string()).await.expect("it answers")
}

/// An etcd with something of everything.
async fn source() -> (Etcd, Client) {
    let etcd = Etcd::start();
    let client = connected(etcd.address()).await;
    for number in 0..300 {
        client.set(&format!("/many/{}/{number}", number % 7), &number.to_string()).await.unwrap();
    }
    for (key, value) in [
        ("/empty value", ""),
        ("/ü/a&b=c+d%", "1 + 1 = 2 & \n\t\"<é>\u{1F600}"),
        ("/q/long", &"x".repeat(100_000)),
    ] {
        client.set(key, value).await.unwrap();
    }
    client.set("/ends", "x").ttl(HUNDRED).await.unwrap();
    client.create_dir("/ending").ttl(2 * HUNDRED).await.unwrap();
    client.set("/ending/later", "x").await.unwrap();
    client.set("/ending/sooner", "x").ttl(HUNDRED).await.unwrap();
    client.create_dir("/empty/below/below").await.unwrap();
    client.create_dir("/empty/ending").ttl(HUNDRED).await.unwrap();
    for job in ["one", "two"] {
        client.create_in_order("/queue", job).await.unwrap();
    }
    client.set("/_hidden/a", "hidden").await.unwrap();
    client.set("/_hidden/b/c", "hidden").await.unwrap();
    client.set("/many/_hidden", "hidden").await.unwrap();
    (etcd, client)
}

fn import(from: SocketAddr, to: SocketAddr, flags: &[&str]) -> Ended {
    let words = ["import", "etcd2", &format!("http://{from}"), "--to", &format!("http://{to}")];
    Ended::of(&run(hyrax(&words).args(flags), ""))
}

/// A tree, its nodes by name, each with its value and when it ends.
async fn tree(client: &Client, path: &str) -> Vec<Node> {
    let read = client.get(path).recursive().sorted().await.unwrap();
    let plain = |node: &Node| Node {
        nodes: Vec::new(),
        created_index: 0,
        modified_index: 0,
        expiration: None,
        ..node.clone()
    };
    read.node.walk().map(plain).collect()
}

fn assert_same(ours: &[Node], theirs: &[Node]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        let without_ttl = |node: &Node| Node { ttl: None, ..node.clone() };
        assert_eq!(without_ttl(ours), without_ttl(theirs));
        match (ours.ttl, theirs.ttl) {
            (Some(ours_s), Some(theirs_s)) => assert!(ours_s.abs_diff(theirs_s) <= 3, "{ours:?} {theirs:?}"),
            (ours_ttl, theirs_ttl) => assert_eq!(ours_ttl, theirs_ttl, "{ours:?}"),
        }
    }
    assert_eq!(ours.len(), theirs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_copied_with_its_times_to_live_and_a_second_time_nothing_is() {
    let (etcd, theirs) = source().await;
    let hyrax = Hyrax::start(&[]);
    let ours = connected(hyrax.address()).await;
    let first = import(etcd.address(), hyrax.address(), &[]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_same(&tree(&ours, "/").await, &tree(&theirs, "/").await);
    assert!(
        first.errors.contains("copied 308 keys and 16 directories, 4 of them with a time to live"),
        "{first:?}"
    );
    assert!(first.errors.contains("hidden nodes (a name that begins with _)"), "{first:?}");
    assert!(!ours.exists("/_hidden").await.unwrap() && !ours.exists("/many/_hidden").await.unwrap());

    let index = ours.get("/").await.unwrap().index;
    let again = import(etcd.address(), hyrax.address(), &[]);
    assert!(again.errors.contains("copied 0 keys and 0 directories"), "{again:?}");
    assert!(again.errors.contains("324 nodes were there already"), "{again:?}");
    assert_eq!(ours.get("/").await.unwrap().index, index, "nothing was written");

    theirs.set("/many/0/0", "changed").await.unwrap();
    ours.set("/own", "stays").await.unwrap();
    let changed = import(
        etcd.address(),
        hyrax.address(),
        &["--prefix", "/many", "--also", "/_hidden", "--also", "/many/_hidden"],
    );
    assert!(changed.errors.contains("copied 4 keys and 2 directories"), "{changed:?}");
    assert_same(&tree(&ours, "/_hidden").await, &tree(&theirs, "/_hidden").await);
    assert_eq!(ours.get("/many/0/0").await.unwrap().node.value.as_deref(), Some("changed"));
    assert_eq!(ours.get("/own").await.unwrap().node.value.as_deref(), Some("stays"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_told_and_the_rest_is_copied() {
    let (etcd, theirs) = source().await;
    theirs.set(&"/deep".repeat(60), "x").await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let hyrax = Hyrax::start(&["--data-dir", data.path().to_str().unwrap()]);
    let ours = connected(hyrax.address()).await;
    ours.set("/many/3", "a key").await.unwrap();
    ours.set("/ends/below", "a directory").await.unwrap();
    let ended = import(etcd.address(), hyrax.address(), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for told in [
        "/many/3: not copied: there is a key",
        "/ends: not copied: 102: Not a file",
        "/deep: not copied: ",
        "3 nodes could not be copied",
    ] {
        assert!(ended.errors.contains(told), "no `{told}` in {ended:?}");
    }
    assert_eq!(ours.get("/many/4").await.unwrap().node.nodes.len(), 43);
    assert_eq!(ours.get("/many/3").await.unwrap().node.value.as_deref(), Some("a key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_go_on_says_so() {
    let (etcd, _) = source().await;
    let hyrax = Hyrax::start(&["--operator", "ann:hush"]);
    let refused = import(etcd.address(), hyrax.address(), &[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.errors.contains("user authentication") && refused.errors.contains("run it again"),
        "{refused:?}"
    );
    let nobody = import("127.0.0.1:1".parse().unwrap(), hyrax.address(), &[]);
    assert!(nobody.code == Some(1) && nobody.errors.contains("127.0.0.1:1"), "{nobody:?}");
    let to = format!("http://ann:hush@{}", hyrax.address());
    let allowed = run(
        &mut super::program::hyrax(&["import", "etcd2", &etcd.endpoint(), "--to", &to, "--prefix", "/queue"]),
        "",
    );
    assert!(allowed.status.success(), "{allowed:?}");
    let said = String::from_utf8_lossy(&allowed.stderr).into_owned();
    assert!(said.contains("copied 2 keys") && !said.contains("hush"), "{said}");
}
