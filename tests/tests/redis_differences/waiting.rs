//! Who waits, and who is told what when.

use crate::both::Both;
use hyrax_tests::resp::{Resp, RespClient, words};
use std::time::Duration;

/// Has a client wait, and looks until the server says so.
fn wait(client: &mut RespClient, other: &mut RespClient, line: &str) {
    client.send_raw(format!("{line}\r\n").as_bytes()).expect("the server takes a command");
    loop {
        let Resp::Bulk(info) = other.run(&words("INFO clients")) else { panic!("a text") };
        if String::from_utf8_lossy(&info).contains("blocked_clients:1\r\n") {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
pub fn a_key_that_is_overwritten_serves_who_waits_for_it() {
    let both = Both::start();
    let sides = [(both.redis.client(), both.redis.client()), (both.hyrax.resp(), both.hyrax.resp())];
    let [redis, hyrax] = sides.map(|(mut waits, mut other)| {
        other.run(&words("ZADD from 1 m"));
        wait(&mut waits, &mut other, "BZPOPMIN k 0");
        // A list is nothing for it; then the list is overwritten by a sorted set.
        other.pipeline(&[words("MULTI"), words("RPUSH k x"), words("EXEC")]);
        other.run(&words("ZUNIONSTORE k 1 from"));
        let served = other.run(&words("EXISTS k"));
        // Whoever still waits is let go.
        let Resp::Bulk(list) = other.run(&words("CLIENT LIST")) else { panic!("a text") };
        let list = String::from_utf8(list).expect("a text");
        if let Some(waits) = list.lines().find(|line| line.contains(" cmd=bzpopmin ")) {
            let id = waits.split(' ').next().and_then(|field| field.strip_prefix("id=")).expect("an id");
            other.run(&words(&format!("CLIENT UNBLOCK {id}")));
        }
        waits.read().expect("it is answered");
        served
    });
    assert_eq!([redis, hyrax], [Resp::Integer(1), Resp::Integer(0)], "whether the key is still there");
}

#[test]
pub fn a_command_waits_for_a_thousand_keys() {
    let both = Both::start();
    let keys: String = (0..1001).map(|number| format!(" k{number}")).collect();
    let line = format!("BLPOP{keys} 0");
    let refused = both.hyrax.resp().run(&words(&line));
    assert!(refused.is_error(), "{refused:?}");
    let (mut waits, mut other) = (both.redis.client(), both.redis.client());
    wait(&mut waits, &mut other, &line);
    other.run(&words("RPUSH k1000 x"));
    assert_eq!(waits.read().expect("it is served"), Resp::Array(vec![Resp::bulk("k1000"), Resp::bulk("x")]));
}

/// The bytes that a server sends to these commands in RESP3, up to the reply to a `PING end`.
fn bytes_to(address: std::net::SocketAddr, lines: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has timeouts");
    stream.write_all(format!("{lines}\r\nPING end\r\n").as_bytes()).expect("the server reads");
    let (mut told, mut part) = (String::new(), [0; 4096]);
    while !told.ends_with("$3\r\nend\r\n") {
        let len = stream.read(&mut part).expect("the server answers");
        assert!(len > 0, "the server has gone, after {told}");
        told += &String::from_utf8_lossy(&part[..len]);
    }
    told
}

#[test]
pub fn a_publisher_in_a_transaction_is_told_after_the_reply() {
    let both = Both::start();
    let lines = "HELLO 3\r\nSUBSCRIBE c\r\nMULTI\r\nPUBLISH c 1\r\nECHO x\r\nEXEC";
    let [redis, hyrax] = [both.redis.address(), both.hyrax.address()].map(|address| bytes_to(address, lines));
    let message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n";
    assert!(redis.contains(&format!("*2\r\n{message}:1\r\n$1\r\nx\r\n")), "{redis}");
    assert!(hyrax.contains(&format!("*2\r\n:1\r\n$1\r\nx\r\n{message}")), "{hyrax}");
}

#[test]
pub fn who_hears_of_its_own_keyspace_events_is_told_before_the_reply() {
    let both = Both::start();
    let lines = "HELLO 3\r\nCONFIG SET notify-keyspace-events Kl\r\nPSUBSCRIBE __key*\r\nRPUSH l a b\r\nLMPOP 1 l LEFT";
    let [redis, hyrax] = [both.redis.address(), both.hyrax.address()].map(|address| bytes_to(address, lines));
    let event = ">4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@0__:l\r\n$4\r\nlpop\r\n";
    assert!(hyrax.contains(&format!("{event}*2\r\n$1\r\nl\r\n*1\r\n$1\r\na\r\n")), "{hyrax}");
    assert!(redis.contains(event), "{redis}");
    assert!(!redis.contains(&format!("{event}*2\r\n$1\r\nl\r\n")), "in the middle, or after: {redis}");
}

#[test]
pub fn a_sort_misses_the_key_that_is_sorted_alone() {
    let both = Both::start();
    let [redis, hyrax] = both.clients().map(|mut listener| {
        listener.run(&words("CONFIG SET notify-keyspace-events Em"));
        listener.send_raw(b"SUBSCRIBE __keyevent@0__:keymiss\r\n").expect("a client may subscribe");
        listener.next_push();
        listener
    });
    both.last_of(&["RPUSH l 1 2", "SORT l BY w_*", "SORT nosuch"]);
    let missed = |mut listener: RespClient| {
        listener.run(&words("PING"));
        let key = |push: Resp| push.elements().expect("a message")[2].clone();
        listener.take_pushes().into_iter().map(key).collect::<Vec<_>>()
    };
    assert_eq!(missed(redis), ["w_1", "w_2", "nosuch"].map(Resp::bulk));
    assert_eq!(missed(hyrax), ["nosuch"].map(Resp::bulk));
}

#[test]
pub fn unsubscribing_from_everything_confirms_the_latest_first() {
    let both = Both::start();
    let [redis, hyrax] = both.clients().map(|mut client| {
        client.send_raw(b"SUBSCRIBE a b c d e f\r\nUNSUBSCRIBE\r\n").expect("a client may subscribe");
        (0..6).for_each(|_| drop(client.next_push()));
        (0..6).map(|_| client.next_push().elements().expect("a confirmation")[1].clone()).collect::<Vec<_>>()
    });
    assert_eq!(hyrax, ["f", "e", "d", "c", "b", "a"].map(Resp::bulk));
    let mut all = redis;
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d", "e", "f"].map(Resp::bulk));
}

#[test]
pub fn long_patterns_and_channels_are_refused() {
    let both = Both::start();
    let sides = [both.redis.client(), both.hyrax.resp()];
    let [redis, hyrax] = sides.map(|mut client| {
        let pattern = client.run(&words(&format!("PSUBSCRIBE {}", "p".repeat(1025))));
        client.run(&words("PUNSUBSCRIBE"));
        let channel = client.run(&words(&format!("SUBSCRIBE {}", "c".repeat(64 * 1024 + 1))));
        [pattern.is_error(), channel.is_error()]
    });
    assert_eq!([redis, hyrax], [[false, false], [true, true]]);
}

#[test]
pub fn without_replies_a_transaction_is_not_half_answered() {
    let both = Both::start();
    let lines = "MULTI\r\nCLIENT REPLY OFF\r\nECHO x\r\nEXEC\r\nCLIENT REPLY ON";
    let [redis, hyrax] = [both.redis.address(), both.hyrax.address()].map(|address| bytes_to(address, lines));
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
    assert_eq!(redis, format!("{queued}*2\r\n+OK\r\n$3\r\nend\r\n"));
    assert_eq!(hyrax, format!("{queued}+OK\r\n$3\r\nend\r\n"));
}

#[test]
pub fn a_wait_counts_no_replicas() {
    let both = Both::start();
    let [redis, hyrax] = both.last_of(&["WAIT 0 0"]);
    assert_eq!([redis, hyrax], [Resp::Integer(0), Resp::Integer(0)]);
    // Nor later: there never is one.
    let [redis, hyrax] = both.last_of(&["WAIT 1 20"]);
    assert_eq!([redis, hyrax], [Resp::Integer(0), Resp::Integer(0)]);
    assert!(both.last_of(&["REPLICAOF NO ONE"])[1].is_error());
}
