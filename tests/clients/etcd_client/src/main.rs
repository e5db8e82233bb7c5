//! What the users of the Rust `etcd-client` crate do, against the server at HOST:PORT. Prints the name of each part
//! that held.

use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, Error, EventType, GetOptions, LeaseGrantOptions,
    LeaseTimeToLiveOptions, LockOptions, PutOptions, SortOrder, SortTarget, Txn, TxnOp, WatchOptions,
};
use tokio::time::timeout;

/// How long anything may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(20);

type Held = Result<(), Error>;

#[tokio::main]
async fn main() -> Held {
    let address = std::env::args().nth(1).expect("HOST:PORT is given");
    macro_rules! parts {
        ($($part:ident)*) => {$(
            let mut client = Client::connect([&address], None).await?;
            client.delete("", Some(DeleteOptions::new().with_all_keys())).await?;
            timeout(WITHIN, $part(client)).await.expect(concat!(stringify!($part), " ends in time"))?;
            println!(stringify!($part));
        )*};
    }
    parts!(keys ranges transactions leases locks elections watches compaction maintenance);
    Ok(())
}

fn is(error: Error, words: &str) {
    assert!(error.to_string().contains(words), "{error}");
}

async fn keys(mut client: Client) -> Held {
    client.put("key", "one", None).await?;
    let mut before = client.put("key", "two", Some(PutOptions::new().with_prev_key())).await?;
    assert_eq!(before.take_prev_key().expect("it was there").value_str()?, "one");
    let answer = client.get("key", None).await?;
    assert_eq!((answer.kvs()[0].value_str()?, answer.kvs()[0].version()), ("two", 2));
    assert_eq!(client.delete("key", None).await?.deleted(), 1);
    assert_eq!(client.delete("key", None).await?.deleted(), 0);
    is(client.put("", "x", None).await.unwrap_err(), "key is not provided");
    is(client.put("x", "", Some(PutOptions::new().with_lease(4711))).await.unwrap_err(), "lease not found");
    Ok(())
}

async fn ranges(mut client: Client) -> Held {
    for number in 0..10 {
        client.put(format!("range/{number}"), format!("{}", 9 - number), None).await?;
    }
    let sorted = GetOptions::new().with_prefix().with_limit(2).with_sort(SortTarget::Value, SortOrder::Ascend);
    let answer = client.get("range/", Some(sorted)).await?;
    assert_eq!((answer.count(), answer.more(), answer.kvs()[0].key_str()?), (10, true, "range/9"));
    let counted = client.get("range/", Some(GetOptions::new().with_prefix().with_count_only())).await?;
    assert_eq!((counted.count(), counted.kvs().len()), (10, 0));
    let past = answer.kvs()[1].mod_revision();
    let then = client.get("range/", Some(GetOptions::new().with_prefix().with_revision(past))).await?;
    assert_eq!(then.count(), 9);
    let future = GetOptions::new().with_revision(past + 1_000_000);
    is(client.get("range/", Some(future)).await.unwrap_err(), "required revision is a future revision");
    Ok(())
}

async fn transactions(mut client: Client) -> Held {
    client.put("a", "1", None).await?;
    let nested = Txn::new().and_then([TxnOp::get("a", None)]);
    let txn = Txn::new()
        .when([Compare::value("a", CompareOp::Equal, "1"), Compare::version("b", CompareOp::Equal, 0)])
        .and_then([TxnOp::put("a", "2", None), TxnOp::txn(nested), TxnOp::delete("b", None)])
        .or_else([TxnOp::put("a", "never", None)]);
    let answer = client.txn(txn.clone()).await?;
    assert!(answer.succeeded() && answer.op_responses().len() == 3);
    assert!(!client.txn(txn).await?.succeeded());
    let twice = Txn::new().and_then([TxnOp::put("a", "1", None), TxnOp::put("a", "2", None)]);
    is(client.txn(twice).await.unwrap_err(), "duplicate key given in txn request");
    Ok(())
}

async fn leases(mut client: Client) -> Held {
    let lease = client.lease_grant(1_000, None).await?.id();
    client.put("leased", "x", Some(PutOptions::new().with_lease(lease))).await?;
    let left = client.lease_time_to_live(lease, Some(LeaseTimeToLiveOptions::new().with_keys())).await?;
    assert!(left.granted_ttl() == 1_000 && left.keys() == [b"leased".to_vec()]);
    let (mut keeper, mut kept) = client.lease_keep_alive(lease).await?;
    keeper.keep_alive().await?;
    assert_eq!(kept.message().await?.expect("it is answered").ttl(), 1_000);
    let again = client.lease_grant(1_000, Some(LeaseGrantOptions::new().with_id(lease))).await;
    is(again.unwrap_err(), "lease already exists");
    assert!(client.leases().await?.leases().iter().any(|one| one.id() == lease));
    client.lease_revoke(lease).await?;
    assert!(client.get("leased", None).await?.kvs().is_empty());
    is(client.lease_revoke(lease).await.unwrap_err(), "requested lease not found");
    Ok(())
}

async fn locks(mut client: Client) -> Held {
    let lease = client.lease_grant(60, None).await?.id();
    let held = client.lock("turn", Some(LockOptions::new().with_lease(lease))).await?;
    let mut other = client.clone();
    let waiting = tokio::spawn(async move { other.lock("turn", None).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "it is held by one");
    client.unlock(held.key()).await?;
    let next = waiting.await.expect("the task ends")?;
    client.unlock(next.key()).await?;
    Ok(())
}

async fn elections(mut client: Client) -> Held {
    let lease = client.lease_grant(60, None).await?.id();
    let won = client.campaign("chair", "ann", lease).await?;
    let key = won.leader().expect("it won").clone();
    let leader = client.leader("chair").await?;
    assert_eq!(leader.kv().expect("there is one").value_str()?, "ann");
    let mut observed = client.observe("chair").await?;
    assert_eq!(observed.message().await?.and_then(|told| told.kv().map(|kv| kv.value().to_vec())), Some(b"ann".to_vec()));
    client.proclaim("bob", Some(etcd_client::ProclaimOptions::new().with_leader(key.clone()))).await?;
    assert_eq!(observed.message().await?.and_then(|told| told.kv().map(|kv| kv.value().to_vec())), Some(b"bob".to_vec()));
    client.resign(Some(etcd_client::ResignOptions::new().with_leader(key))).await?;
    is(client.leader("chair").await.unwrap_err(), "election: no leader");
    Ok(())
}

async fn watches(mut client: Client) -> Held {
    let first = client.put("watched/a", "1", None).await?.header().expect("a header").revision();
    client.put("watched/a", "2", None).await?;
    let options = WatchOptions::new().with_prefix().with_start_revision(first).with_prev_key();
    let mut stream = client.watch("watched/", Some(options)).await?;
    client.delete("watched/a", None).await?;
    let (mut seen, mut watch) = (Vec::new(), 0);
    while seen.len() < 3 {
        let response = stream.message().await?.expect("the stream stands");
        watch = response.watch_id();
        seen.extend(response.events().iter().map(|event| {
            (event.event_type(), event.prev_kv().map(|kv| kv.value().to_vec()))
        }));
    }
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(seen, [(EventType::Put, None), (EventType::Put, value("1")), (EventType::Delete, value("2"))]);
    stream.cancel(watch).await?;
    Ok(())
}

async fn compaction(mut client: Client) -> Held {
    let first = client.put("compacted", "1", None).await?.header().expect("a header").revision();
    let second = client.put("compacted", "2", None).await?.header().expect("a header").revision();
    client.compact(second, None).await?;
    let past = client.get("compacted", Some(GetOptions::new().with_revision(first))).await;
    is(past.unwrap_err(), "required revision has been compacted");
    is(client.compact(second, None).await.unwrap_err(), "required revision has been compacted");
    let mut stream =
        client.watch("compacted", Some(WatchOptions::new().with_start_revision(first))).await?;
    loop {
        let response = stream.message().await?.expect("the stream stands");
        if response.canceled() {
            assert_eq!(response.compact_revision(), second);
            return Ok(());
        }
    }
}

async fn maintenance(mut client: Client) -> Held {
    assert!(!client.status().await?.version().is_empty());
    assert_eq!(client.member_list().await?.members().len(), 1);
    client.hash_kv(0).await?;
    client.defragment().await?;
    let mut snapshot = client.snapshot().await?;
    let mut bytes = 0;
    while let Some(part) = snapshot.message().await? {
        bytes += part.blob().len();
    }
    assert!(bytes > 0);
    Ok(())
}
