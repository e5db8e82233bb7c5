//! The Rust `redis` crate, asynchronous: one connection for many, one that comes back, pushes over RESP3.

use std::net::SocketAddr;
use std::time::Duration;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Argv, words};
use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::{AsyncCommands, Client, PushInfo, PushKind, RedisResult, Value, cmd, pipe};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::stage::on_both;

/// How long anything may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(20);

fn client(address: SocketAddr, parameters: &str) -> Client {
    Client::open(format!("redis://{address}/{parameters}")).expect("the address is a good one")
}

async fn connect(address: SocketAddr) -> MultiplexedConnection {
    client(address, "").get_multiplexed_async_connection().await.expect("the server takes connections")
}

/// A connection in RESP3, and the pushes that come on it.
async fn with_pushes(address: SocketAddr) -> (MultiplexedConnection, UnboundedReceiver<PushInfo>) {
    let (sender, pushes) = unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let client = client(address, "?protocol=resp3");
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    (connection.expect("the server speaks RESP3"), pushes)
}

async fn next(pushes: &mut UnboundedReceiver<PushInfo>) -> PushInfo {
    timeout(WITHIN, pushes.recv()).await.expect("a push comes in time").expect("the connection stands")
}

fn on_runtime<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(act)
}

#[test]
fn a_thousand_tasks_share_one_connection() {
    on_both(|address| {
        on_runtime(async {
            let connection = connect(address).await;
            let tasks: Vec<_> = (0..1000)
                .map(|number: i64| {
                    let mut connection = connection.clone();
                    tokio::spawn(async move {
                        let key = format!("key:{number}");
                        let _: () = connection.set(&key, number).await?;
                        let _: i64 = connection.incr(&key, 1).await?;
                        connection.get::<_, i64>(&key).await
                    })
                })
                .collect();
            for (number, task) in (0..).zip(tasks) {
                assert_eq!(task.await.expect("the task ends").expect("it is answered"), number + 1);
            }
        });
    });
}

#[test]
fn replies_have_their_types_in_both_protocols() {
    on_both(|address| {
        on_runtime(async {
            for parameters in ["", "?protocol=resp3"] {
                let client = client(address, parameters);
                let mut c = client.get_multiplexed_async_connection().await.expect("it connects");
                let _: () = c.del("k").await.unwrap();
                let none: Option<String> = c.get("k").await.unwrap();
                assert_eq!(none, None);
                let _: () = c.hset_multiple("h", &[("a", 1), ("b", 2)]).await.unwrap();
                let hash: std::collections::BTreeMap<String, i64> = c.hgetall("h").await.unwrap();
                assert_eq!(hash.into_iter().collect::<Vec<_>>(), [("a".into(), 1), ("b".into(), 2)]);
                let _: () = c.zadd_multiple("z", &[(1.5, "x"), (2.0, "y")]).await.unwrap();
                let scored: Vec<(String, f64)> = c.zrange_withscores("z", 0, -1).await.unwrap();
                assert_eq!(scored, [("x".into(), 1.5), ("y".into(), 2.0)]);
                let replies: (String, i64) =
                    pipe().atomic().set("k", 5).incr("k", 1).query_async(&mut c).await.unwrap();
                assert_eq!(replies, ("OK".into(), 6));
                let wrong: RedisResult<i64> = c.llen("h").await;
                assert_eq!(wrong.unwrap_err().code(), Some("WRONGTYPE"));
                let _: () = c.xadd("s", "*", &[("f", "v")]).await.unwrap();
                let read: redis::streams::StreamReadReply = c.xread(&["s"], &["0"]).await.unwrap();
                assert_eq!(read.keys[0].ids.len(), 1);
                let _: () = c.del("s").await.unwrap();
            }
        });
    });
}

#[test]
fn messages_come_as_pushes() {
    on_both(|address| {
        on_runtime(async {
            let (mut subscriber, mut pushes) = with_pushes(address).await;
            subscriber.subscribe("news").await.expect("it subscribes");
            assert_eq!(next(&mut pushes).await.kind, PushKind::Subscribe);
            let heard: i64 = subscriber.publish("news", "hello").await.expect("it goes on with commands");
            assert_eq!(heard, 1);
            let message = next(&mut pushes).await;
            assert_eq!(message.kind, PushKind::Message);
            assert_eq!(message.data, [Value::BulkString("news".into()), Value::BulkString("hello".into())]);
        });
    });
}

#[test]
fn a_connection_manager_comes_back_after_the_server_did() {
    let mut hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    on_runtime(async {
        let mut manager = ConnectionManager::new(client(address, "")).await.expect("it connects");
        let _: () = manager.set("k", 1).await.expect("it is answered");
        hyrax.kill();
        assert!(manager.get::<_, Option<i64>>("k").await.is_err(), "nobody answers");
        let mut command = std::process::Command::new(hyrax_tests::hyrax::binary());
        command.args(["serve", "--listen", &address.to_string()]);
        let _again = Hyrax::start_command(command);
        let began = std::time::Instant::now();
        while manager.set::<_, _, ()>("k", 2).await.is_err() {
            assert!(began.elapsed() < WITHIN, "it does not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(manager.get::<_, i64>("k").await.expect("it is answered"), 2);
    });
}

#[test]
fn hyrax_monitors_come_as_pushes_wherever_the_change_came_from() {
    let hyrax = Hyrax::start(&[]);
    on_runtime(async {
        let (mut monitor, mut pushes) = with_pushes(hyrax.address()).await;
        let _: Value = cmd("HMON").arg("shared").query_async(&mut monitor).await.expect("it monitors");
        let mut other = connect(hyrax.address()).await;
        let _: () = other.set("shared", "from RESP").await.expect("it is set");
        assert!(shown(next(&mut pushes).await).contains("from RESP"));
        hyrax.line().request(&serde_json::json!({ "cmd": "set", "key": "shared", "args": ["from a line"] }));
        assert!(shown(next(&mut pushes).await).contains("from a line"));
        let stop: Argv = words("HUNMON shared");
        let _: Value = cmd("HUNMON").arg(&stop[1]).query_async(&mut monitor).await.expect("it stops");
        let _: () = other.set("shared", "unheard").await.expect("it is set");
        let _: () = cmd("PING").query_async(&mut monitor).await.expect("it is answered");
        assert!(pushes.try_recv().is_err(), "nothing is pushed any more");
    });
}

fn shown(push: PushInfo) -> String {
    push.data
        .iter()
        .map(|value| match value {
            Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        })
        .collect::<Vec<_>>()
        .join(" ")
}
