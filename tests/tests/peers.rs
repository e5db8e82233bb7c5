//! The real servers start, answer, and are gone afterwards.

use std::net::TcpStream;
use std::process::Command;

use hyrax_tests::peers::{Etcd, Redis};
use hyrax_tests::resp::{Resp, words};

#[test]
fn redis_answers_in_both_protocols_and_is_gone_when_dropped() {
    let redis = Redis::start();
    let mut client = redis.client();
    assert_eq!(client.run(&words("HSET h a 1 b 2")), Resp::Integer(2));
    let flat = Resp::Array(["a", "1", "b", "2"].map(Resp::bulk).to_vec());
    assert_eq!(client.run(&words("HGETALL h")), flat);
    let mut client = client.resp3();
    let map = Resp::Map(vec![(Resp::bulk("b"), Resp::bulk("2")), (Resp::bulk("a"), Resp::bulk("1"))]);
    assert!(client.run(&words("HGETALL h")).same(&map));
    let replies = client.pipeline(&vec![words("INCR n"); 1000]);
    assert_eq!(replies.last(), Some(&Resp::Integer(1000)));
    let address = redis.address();
    drop(redis);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn redis_pushes_are_told_from_replies() {
    let redis = Redis::start();
    let mut subscriber = redis.client().resp3();
    subscriber.send_raw(b"SUBSCRIBE news\r\nPING\r\n").unwrap();
    assert_eq!(subscriber.read().unwrap(), Resp::simple("PONG"));
    let subscribed = [Resp::bulk("subscribe"), Resp::bulk("news"), Resp::Integer(1)];
    assert_eq!(subscriber.next_push(), Resp::Push(subscribed.to_vec()));
    assert_eq!(redis.client().run(&words("PUBLISH news hello")), Resp::Integer(1));
    assert_eq!(subscriber.next_push(), Resp::Push(["message", "news", "hello"].map(Resp::bulk).to_vec()));
}

#[test]
fn two_servers_of_one_test_do_not_meet() {
    let (one, other) = (Redis::start(), Redis::start());
    one.client().run(&words("SET k 1"));
    assert_eq!(other.client().run(&words("GET k")), Resp::Null);
}

#[test]
fn etcd_answers_etcdctl_and_is_gone_when_dropped() {
    let etcd = Etcd::start();
    let etcdctl = |arguments: &[&str]| {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &etcd.endpoint()]).args(arguments);
        let output = command.output().expect("etcdctl can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(etcdctl(&["put", "greeting", "hello"]), "OK\n");
    assert_eq!(etcdctl(&["get", "greeting"]), "greeting\nhello\n");
    let address = etcd.address();
    drop(etcd);
    assert!(TcpStream::connect(address).is_err());
}
