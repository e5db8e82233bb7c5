//! Commands, and who may send them.

use std::collections::HashMap;
use std::time::Duration;

use hyrax_client::live::{Signing, Value};
use hyrax_client::{Client, Error, Settings};
use hyrax_tests::hyrax::Hyrax;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

async fn client(hyrax: &Hyrax) -> Client {
    Client::connect(&format!("hyrax://{}", hyrax.address())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_return_types_of_rusts() {
    let hyrax = Hyrax::start(&[]);
    let client = client(&hyrax).await;
    client.set("text", "tea").await.unwrap();
    assert_eq!(client.get::<String>("text").await.unwrap(), "tea");
    assert_eq!(client.get::<Option<String>>("nothing").await.unwrap(), None);
    client.set("bytes", &b"\xff\xfe"[..]).await.unwrap();
    assert_eq!(client.get::<Vec<u8>>("bytes").await.unwrap(), b"\xff\xfe");
    assert!(client.set_new("new", "1").await.unwrap());
    assert!(!client.set_new("new", "2").await.unwrap());
    assert_eq!(client.incr_by("n", 7).await.unwrap(), 7);
    assert!(client.hset("h", "a", "1").await.unwrap());
    assert_eq!(client.hgetall("h").await.unwrap(), HashMap::from([("a".to_owned(), "1".to_owned())]));
    assert_eq!(client.hget::<i64>("h", "a").await.unwrap(), 1);
    assert!(client.hdel("h", "a").await.unwrap());
    assert_eq!(client.rpush("l", "x").await.unwrap(), 1);
    assert_eq!(client.lrange("l", 0, -1).await.unwrap(), ["x"]);
    assert_eq!(client.lpop::<Option<String>>("l").await.unwrap().as_deref(), Some("x"));
    assert!(client.sadd("s", "m").await.unwrap());
    assert_eq!(client.smembers("s").await.unwrap(), ["m"]);
    assert!(client.srem("s", "m").await.unwrap());
    assert!(client.zadd("z", "a", 2.5).await.unwrap());
    assert_eq!(client.zrange("z", 0, -1).await.unwrap(), [("a".to_owned(), 2.5)]);
    assert!(client.exists("z").await.unwrap() && client.del("z").await.unwrap());
    client.set_for("brief", "1", Duration::from_millis(20)).await.unwrap();
    assert!(client.expire("text", Duration::from_secs(60)).await.unwrap());
    let left: i64 = client.command("ttl").key("text").query().await.unwrap();
    assert!((1..=60).contains(&left));
    let error = client.call("lpush", "text", ["x"]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(words) if words.starts_with("WRONGTYPE")), "{error}");
    assert_eq!(client.call("mset", "a", ["1", "b", "2"]).await.unwrap(), Value::from("OK"));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!client.exists("brief").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_at_once_share_a_connection() {
    let hyrax = Hyrax::start(&[]);
    let client = client(&hyrax).await;
    let adding = (0..1_000).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.incr_by("n", 1).await.unwrap() })
    });
    let mut answers = Vec::new();
    for task in adding.collect::<Vec<_>>() {
        answers.push(task.await.unwrap());
    }
    answers.sort_unstable();
    assert!(answers.into_iter().eq(1..=1_000), "each was answered its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waits_does_so_on_a_connection_of_its_own() {
    let hyrax = Hyrax::start(&[]);
    let client = client(&hyrax).await;
    let other = client.another().await.unwrap();
    let taking = tokio::spawn(async move {
        other.command("blpop").key("jobs").arg(0).patient().query::<(String, String)>().await
    });
    client.ping().await.unwrap();
    client.rpush("jobs", "dig").await.unwrap();
    assert_eq!(taking.await.unwrap().unwrap(), ("jobs".to_owned(), "dig".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_signed_or_an_operators() {
    let hyrax = Hyrax::start(&["--secret", "turtles", "--operator", "ann:hush"]);
    let address = hyrax.address().to_string();
    let unsigned = Client::connect(&address).await.unwrap();
    assert_eq!(unsigned.set("foo", "1").await.unwrap_err(), Error::Refused("auth failed".to_owned()));
    for signing in [Signing::V2("turtles".into()), Signing::Legacy("turtles".into())] {
        let settings = Settings { signing: Some(signing), ..Settings::default() };
        let client = Client::connect_with(&address, settings).await.unwrap();
        client.set("foo", "signed").await.unwrap();
        client.command("set").key("foo").arg("by bob").id("bob").send().await.unwrap();
        let mset = client.command("mset").key("a").args(["1", "b", "2"]).writes("a").writes("b");
        mset.send().await.unwrap();
        let entry = client.ekg("room").join("ann").await.unwrap();
        assert_eq!(unsigned.ekg("room").members().await.unwrap(), ["ann"]);
        entry.leave().await.unwrap();
    }
    let operator = Client::connect(&format!("hyrax://ann:hush@{address}")).await.unwrap();
    operator.set("foo", "an operator's").await.unwrap();
    let refused = Client::connect(&format!("hyrax://ann:wrong@{address}")).await.unwrap_err().to_string();
    assert!(refused.contains("login is refused") && !refused.contains("wrong"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_signed_where_they_are_not_open() {
    let hyrax = Hyrax::start(&["--secret", "turtles", "--anonymous-read=false"]);
    let address = hyrax.address().to_string();
    let unsigned = Client::connect(&address).await.unwrap();
    let refused = Error::Refused("auth failed".to_owned());
    assert_eq!(unsigned.monitor("foo").next().await, Some(Err(refused.clone())));
    assert_eq!(unsigned.ekg("room").monitor().next().await, Some(Err(refused)));
    let settings = Settings { signing: Some(Signing::V2("turtles".into())), ..Settings::default() };
    let client = Client::connect_with(&address, settings).await.unwrap();
    assert!(client.monitor("foo").next().await.unwrap().is_ok());
    assert!(client.ekg("room").monitor().next().await.unwrap().is_ok());
    assert!(!client.ekg("room").is_member("ann").await.unwrap());
    assert_eq!(client.ekg("room").count().await.unwrap(), 0);
    let mut prefix = client.monitor_prefix("fo").await.unwrap();
    client.set("foo", "1").await.unwrap();
    assert_eq!(prefix.next().await.unwrap().unwrap().as_str(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_and_tls_lead_to_the_same_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(file("ca.pem"), authority.pem()).unwrap();
    std::fs::write(file("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(file("key.pem"), key.serialize_pem()).unwrap();
    let socket = format!("unix:{}", file("hyrax.sock"));
    let hyrax =
        Hyrax::start(&["--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem"), "--listen", &socket]);
    let over_tls = format!("hyraxs://{}", hyrax.address());
    let settings = Settings { ca: Some(file("ca.pem").into()), ..Settings::default() };
    let encrypted = Client::connect_with(&over_tls, settings).await.unwrap();
    let local = Client::connect(&socket).await.unwrap();
    encrypted.set("foo", "x".repeat(100_000)).await.unwrap();
    assert_eq!(local.get::<String>("foo").await.unwrap().len(), 100_000);
    let untrusted = Client::connect(&over_tls).await.unwrap_err().to_string();
    assert!(untrusted.contains("authority"), "{untrusted}");
    let settings = Settings { ca: Some(file("ca.pem").into()), ..Settings::default() };
    let in_vain = Client::connect_with(&socket, settings).await.unwrap_err().to_string();
    assert!(in_vain.contains("TLS"), "{in_vain}");
}
