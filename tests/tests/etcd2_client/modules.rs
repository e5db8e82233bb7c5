//! Locks and leaders. etcd dropped both modules, so that they are asked of Hyrax alone.

use std::time::Duration;

use hyrax_client::etcd_v2::{Client, Error, ErrorCode, LockPlace};
use hyrax_tests::hyrax::Hyrax;

use super::stage::{connected, soon};

const SIXTY: Duration = Duration::from_secs(60);

async fn stage() -> (Hyrax, Client) {
    let hyrax = Hyrax::start(&[]);
    let client = connected(hyrax.address()).await;
    (hyrax, client)
}

async fn until_queued(client: &Client, places: usize) {
    let queued = async {
        while client.get("/_etcd/mod/lock/mylock").await.unwrap().node.nodes.len() != places {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(queued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_is_set_and_deleted() {
    let (_hyrax, client) = stage().await;
    assert_eq!(client.get_leader("my-cluster").await.unwrap(), None);
    let index = client.set_leader("my-cluster", "leader-1", SIXTY).await.unwrap();
    assert!(index > 0);
    assert_eq!(
        client.set_leader("my-cluster", "leader-1", SIXTY).await.unwrap(),
        index,
        "it goes on leading"
    );
    assert_eq!(client.get_leader("my-cluster").await.unwrap().as_deref(), Some("leader-1"));
    client.delete_leader("my-cluster", "leader-1").await.unwrap();
    assert_eq!(client.get_leader("my-cluster").await.unwrap(), None);
    let unnamed = client.set_leader("my-cluster", "", SIXTY).await.unwrap_err();
    assert_eq!(unnamed.code(), Some(ErrorCode::NameRequired));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_handed_on_in_turn() {
    let (_hyrax, client) = stage().await;
    assert_eq!(client.lock_retrieve("mylock").await.unwrap(), None);
    let first = client.lock_acquire("mylock", SIXTY).await.unwrap();
    assert_eq!(client.lock_retrieve("mylock").await.unwrap(), Some(first));
    assert_eq!(client.lock_value("mylock").await.unwrap().as_deref(), Some("-"));
    let second = tokio::spawn(client.lock_acquire("mylock", SIXTY).value("two").into_future());
    until_queued(&client, 2).await;
    client.lock_renew("mylock", first, 2 * SIXTY).await.unwrap();
    client.lock_release("mylock", first).await.unwrap();
    let second = soon(second).await.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(client.lock_value("mylock").await.unwrap().as_deref(), Some("two"));
    client.lock_renew("mylock", "two", SIXTY).await.unwrap();
    client.lock_release("mylock", LockPlace::Value("two".to_owned())).await.unwrap();
    assert_eq!(client.lock_retrieve("mylock").await.unwrap(), None);
    let gone = client.lock_release("mylock", second).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::KeyNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_waited_for_as_long_as_was_said() {
    let (_hyrax, client) = stage().await;
    client.lock_acquire("mylock", Duration::from_secs(3)).await.unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(600)] {
        let late = client.lock_acquire("mylock", SIXTY).timeout(timeout).await;
        assert!(matches!(late, Err(Error::NotAcquired)), "{late:?}");
    }
    soon(client.lock_acquire("mylock", SIXTY)).await.expect("the first ends with its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_gives_up_the_place() {
    let (_hyrax, client) = stage().await;
    let first = client.lock_acquire("mylock", SIXTY).await.unwrap();
    let waiting = tokio::spawn(client.lock_acquire("mylock", SIXTY).into_future());
    until_queued(&client, 2).await;
    waiting.abort();
    until_queued(&client, 1).await;
    assert_eq!(client.lock_retrieve("mylock").await.unwrap(), Some(first));
}
