//! A client against a server that says what a test has it say.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A listener, and whoever connected last.
struct Server {
    listener: TcpListener,
}

struct Peer {
    stream: BufReader<TcpStream>,
}

impl Server {
    async fn start() -> Server {
        Server { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    async fn accept(&self) -> Peer {
        Peer { stream: BufReader::new(self.listener.accept().await.unwrap().0) }
    }

    /// A connected client, and what it is connected to.
    async fn client(&self, settings: Settings) -> (Client, Peer) {
        let address = self.address();
        let (client, peer) = tokio::join!(Client::connect_with(&address, settings), self.accept());
        (client.unwrap(), peer)
    }
}

impl Peer {
    /// The next request; its number apart.
    async fn hears(&mut self) -> (Json, u64) {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        let mut request: Json =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let number = request.as_object_mut().unwrap().remove("ref").unwrap().as_u64().unwrap();
        (request, number)
    }

    async fn says(&mut self, line: Json) {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Expects a request, and answers it.
    async fn answers(&mut self, expected: Json, mut answer: Json) {
        let (request, number) = self.hears().await;
        assert_eq!(request, expected);
        answer["ref"] = json!(number);
        self.says(answer).await;
    }
}

fn quick() -> Settings {
    Settings { command_timeout: Duration::from_secs(5), ..Settings::default() }
}

fn set(rev: u64, value: &str) -> Json {
    json!({"cmd": "set", "key": "foo", "args": [value], "rev": rev})
}

#[tokio::test]
async fn answers_find_their_commands_in_any_order() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let both = async { tokio::join!(client.get::<String>("a"), client.get::<String>("b")) };
    let swapped = async {
        let (first, one) = peer.hears().await;
        let (_, two) = peer.hears().await;
        let (a, b) = if first["key"] == "a" { (one, two) } else { (two, one) };
        peer.says(json!({"return": "of b", "ref": b})).await;
        peer.says(json!({"return": "of a", "ref": a})).await;
    };
    let ((a, b), ()) = tokio::join!(both, swapped);
    assert_eq!((a.unwrap(), b.unwrap()), ("of a".to_owned(), "of b".to_owned()));
}

#[tokio::test]
async fn a_command_that_is_not_answered_times_out_and_the_next_goes_on() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let timeout = Duration::from_millis(20);
    let error = client.command("get").key("a").timeout(timeout).send().await.unwrap_err();
    assert_eq!(error, Error::TimedOut(timeout));
    let late = peer.hears().await.1;
    peer.says(json!({"return": "late", "ref": late})).await;
    let answered = tokio::join!(
        client.get::<i64>("n"),
        peer.answers(json!({"cmd":"get","key":"n"}), json!({"return": 7}))
    )
    .0;
    assert_eq!(answered.unwrap(), 7);
}

#[tokio::test]
async fn a_command_under_way_when_the_connection_is_lost_may_have_been_done() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let lost = async {
        peer.hears().await;
        peer.says(json!({"error": "the server closes this connection"})).await;
        drop(peer);
        let mut again = server.accept().await;
        again.answers(json!({"cmd":"get","key":"n"}), json!({"return": 7})).await;
    };
    let commands = async {
        let error = client.incr_by("n", 1).await.unwrap_err();
        assert_eq!(error, Error::Interrupted("the server closes this connection".to_owned()));
        // It waits for a connection.
        assert_eq!(client.get::<i64>("n").await.unwrap(), 7);
    };
    tokio::join!(commands, lost);
}

#[tokio::test]
async fn a_monitor_begins_with_the_value_and_resumes_from_the_last_change() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let mut monitor = client.monitor("foo");
    peer.answers(
        json!({"cmd":"madd","key":"foo","since":u64::MAX}),
        json!({"return":"reset","rev":5,"value":"tea"}),
    )
    .await;
    peer.says(set(5, "in the value already")).await;
    peer.says(set(7, "milk")).await;
    let first = monitor.next().await.unwrap().unwrap();
    assert_eq!((first.rev.0, first.kind.clone()), (5, ChangeKind::Reset(Value::from("tea"))));
    assert_eq!(monitor.next().await.unwrap().unwrap().as_str(), Some("milk"));
    drop(peer);
    let mut peer = server.accept().await;
    peer.answers(json!({"cmd":"madd","key":"foo","since":7}), json!({"return":"OK","rev":9})).await;
    peer.says(set(8, "missed")).await;
    peer.says(set(9, "missed too")).await;
    for expected in [(8, "missed"), (9, "missed too")] {
        let change = monitor.next().await.unwrap().unwrap();
        assert_eq!((change.rev.0, change.as_str().unwrap()), expected);
    }
    // A server that was started anew: its revisions need not be greater.
    drop(peer);
    let mut peer = server.accept().await;
    peer.answers(json!({"cmd":"madd","key":"foo","since":9}), json!({"return":"reset","rev":3,"value":null}))
        .await;
    peer.says(set(4, "anew")).await;
    let change = monitor.next().await.unwrap().unwrap();
    assert_eq!((change.rev.0, change.kind), (3, ChangeKind::Reset(Value::Null)));
    assert_eq!(monitor.next().await.unwrap().unwrap().as_str(), Some("anew"));
}

#[tokio::test]
async fn readers_of_a_key_share_its_monitor() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let mut one = client.monitor("foo");
    let madd = json!({"cmd":"madd","key":"foo","since":u64::MAX});
    peer.answers(madd.clone(), json!({"return":"reset","rev":5,"value":"tea"})).await;
    let mut two = client.monitor("foo");
    // What was on its way when the second one began is in the value that it is answered.
    peer.answers(madd, json!({"return":"reset","rev":6,"value":"milk"})).await;
    peer.says(set(7, "water")).await;
    let told =
        async |monitor: &mut Monitor| monitor.next().await.unwrap().unwrap().as_str().unwrap().to_owned();
    assert_eq!(told(&mut two).await, "milk");
    assert_eq!(told(&mut two).await, "water");
    // Either both values were told, or the older made way for the newer before it was read.
    let mut heard = vec![told(&mut one).await];
    while heard.last().unwrap() != "water" {
        heard.push(told(&mut one).await);
    }
    assert!(heard.ends_with(&["milk".to_owned(), "water".to_owned()]), "{heard:?}");
    drop(one);
    drop(two);
    assert_eq!(peer.hears().await.0, json!({"cmd":"mrem","key":"foo"}));
}

#[tokio::test]
async fn a_slow_reader_is_told_the_value_as_it_then_is() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(Settings { queue_bytes: 2_000, ..quick() }).await;
    let mut monitor = client.monitor("foo");
    let madd = json!({"cmd":"madd","key":"foo","since":u64::MAX});
    peer.answers(madd.clone(), json!({"return":"reset","rev":1,"value":""})).await;
    assert!(monitor.next().await.unwrap().is_ok());
    for rev in 2..100 {
        peer.says(set(rev, &"x".repeat(100))).await;
    }
    // Answered behind all of those.
    tokio::join!(client.ping(), peer.answers(json!({"cmd":"ping"}), json!({"return":"PONG"}))).0.unwrap();
    let (change, ()) =
        tokio::join!(monitor.next(), peer.answers(madd, json!({"return":"reset","rev":99,"value":"now"})));
    assert_eq!(change.unwrap().unwrap().kind, ChangeKind::Reset(Value::from("now")));
}

#[tokio::test]
async fn a_refused_monitor_says_why_and_ends() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let mut monitor = client.monitor("foo");
    peer.answers(json!({"cmd":"madd","key":"foo","since":u64::MAX}), json!({"error":"auth failed"})).await;
    assert_eq!(monitor.next().await, Some(Err(Error::Refused("auth failed".to_owned()))));
    assert_eq!(monitor.next().await, None);
}

#[tokio::test]
async fn an_ekg_is_entered_again_and_its_entry_told() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let eadd = json!({"cmd":"eadd","key":"room","id":"ann"});
    let ekg = client.ekg("room");
    let (entry, ()) = tokio::join!(ekg.join("ann"), peer.answers(eadd.clone(), json!({"return":"OK"})));
    let mut entry = entry.unwrap();
    assert_eq!(entry.standing(), Standing::Present);
    assert_eq!(ekg.join("bob").await.unwrap_err(), Error::Present("room".to_owned()));
    drop(peer);
    assert_eq!(entry.changed().await, Standing::Away);
    let mut peer = server.accept().await;
    peer.answers(eadd, json!({"return":"OK"})).await;
    assert_eq!(entry.changed().await, Standing::Present);
    let leaving = peer.answers(json!({"cmd":"erem","key":"room","id":"ann"}), json!({"return":"OK"}));
    tokio::join!(entry.leave(), leaving).0.unwrap();
}

#[tokio::test]
async fn who_watches_an_ekg_is_told_its_members_first_and_after_each_reconnection() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let mut monitor = client.ekg("room").monitor();
    let (madd, emembers) = (json!({"cmd":"madd","key":"room"}), json!({"cmd":"emembers","key":"room"}));
    peer.answers(madd.clone(), json!({"return":"OK","rev":5})).await;
    peer.answers(emembers.clone(), json!({"return":["ann"]})).await;
    peer.says(json!({"cmd":"eclose","key":"room","id":"ann","cause":"timeout","erev":6})).await;
    let ann = Bytes::from("ann");
    assert_eq!(monitor.next().await.unwrap().unwrap(), EkgChange::Members(vec![ann.clone()]));
    let closed = EkgChange::Closed { id: ann, cause: "timeout".to_owned() };
    assert_eq!(monitor.next().await.unwrap().unwrap(), closed);
    drop(peer);
    let mut peer = server.accept().await;
    peer.answers(madd, json!({"return":"OK","rev":8})).await;
    peer.answers(emembers, json!({"return":[]})).await;
    assert_eq!(monitor.next().await.unwrap().unwrap(), EkgChange::Members(vec![]));
}

#[tokio::test]
async fn whoever_logs_in_does_so_over_each_connection() {
    let server = Server::start().await;
    let address = server.address().replace("127", "ann:hush@127");
    let auth = json!({"cmd":"auth","args":["ann","hush"]});
    let greeting = async {
        let mut peer = server.accept().await;
        peer.answers(auth.clone(), json!({"return":"OK"})).await;
        peer
    };
    let (client, peer) = tokio::join!(Client::connect(&address), greeting);
    let client = client.unwrap();
    let mut link = client.link();
    drop(peer);
    let mut peer = server.accept().await;
    peer.answers(auth.clone(), json!({"error":"auth failed"})).await;
    link.wait_for(|link| matches!(link, Link::Down { reason } if reason.contains("auth failed")))
        .await
        .unwrap();
    let mut peer = server.accept().await;
    peer.answers(auth, json!({"return":"OK"})).await;
    link.wait_for(|link| *link == Link::Up).await.unwrap();
}

#[tokio::test]
async fn a_login_that_is_refused_is_an_error_of_the_first_connection() {
    let server = Server::start().await;
    let address = server.address().replace("127", "ann:hush@127");
    let refusal = async {
        let mut peer = server.accept().await;
        peer.answers(json!({"cmd":"auth","args":["ann","hush"]}), json!({"error":"auth failed"})).await;
        peer
    };
    let error = tokio::join!(Client::connect(&address), refusal).0.unwrap_err().to_string();
    assert!(error.contains("login is refused: auth failed") && !error.contains("hush"), "{error}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let server = Server::start().await;
    let silence_max = Duration::from_secs(3);
    let (client, mut peer) = server.client(Settings { silence_max, ..quick() }).await;
    let mut link = client.link();
    // Nothing else is under way, so it asks for a sign of life.
    assert_eq!(peer.hears().await.0, json!({"cmd":"ping"}));
    link.wait_for(|link| matches!(link, Link::Down { .. })).await.unwrap();
    server.accept().await;
}

#[tokio::test]
async fn a_peer_that_is_no_hyrax_is_named() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let nonsense = async {
        peer.hears().await;
        peer.stream.get_mut().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let error = tokio::join!(client.ping(), nonsense).0.unwrap_err().to_string();
    assert!(error.contains("HTTP/1.1 400"), "{error}");
}

#[tokio::test]
async fn the_connection_closes_with_the_last_handle() {
    let server = Server::start().await;
    let (client, mut peer) = server.client(quick()).await;
    let monitor = client.monitor("foo");
    drop(client);
    peer.hears().await;
    drop(monitor);
    peer.hears().await;
    let mut rest = String::new();
    assert_eq!(peer.stream.read_line(&mut rest).await.unwrap(), 0, "{rest}");
}
