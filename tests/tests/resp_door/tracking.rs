//! `CLIENT TRACKING`: who is told that copies are stale, and where among its replies, as Redis tells it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

/// What is told on another connection may come a little later than the reply to who caused it.
const ARRIVES_WITHIN: Duration = Duration::from_millis(30);

/// Clients of one server, each with its id.
struct Clients {
    address: SocketAddr,
    clients: BTreeMap<String, (RespClient, String)>,
}

impl Clients {
    /// What `line` is answered, and what each client is told by then: `a SET k v` is client `a`'s command, `<b>` in
    /// it the id of client `b`. A client whose name ends in 3 speaks RESP3.
    fn play(&mut self, line: &str) -> Vec<String> {
        let (name, command) = line.split_once(' ').expect("a client and a command");
        let names: Vec<String> = ["a", "b", "a3", "b3"].map(str::to_owned).to_vec();
        let mut command = command.to_owned();
        for other in &names {
            let mark = format!("<{other}>");
            if command.contains(&mark) {
                command = command.replace(&mark, &self.client(other).1.clone());
            }
        }
        let (client, _) = self.client(name);
        let mut told = vec![format!("{line}: {:?}", client.run(&words(&command)))];
        sleep(ARRIVES_WITHIN);
        for (name, (client, _)) in &mut self.clients {
            let heard = heard(client);
            if !heard.is_empty() {
                told.push(format!("{name} hears {heard:?}"));
            }
        }
        told
    }

    fn client(&mut self, name: &str) -> &mut (RespClient, String) {
        let address = self.address;
        self.clients.entry(name.to_owned()).or_insert_with(|| {
            let mut client = RespClient::connect(address);
            if name.ends_with('3') {
                client = client.resp3();
            }
            let Resp::Integer(id) = client.run(&words("CLIENT ID")) else { panic!("no id") };
            (client, id.to_string())
        })
    }
}

/// What a client has been told, out of turn, until it is answered.
fn heard(client: &mut RespClient) -> Vec<Resp> {
    client.send_raw(b"PING mark\r\n").expect("the server reads");
    let mut heard = Vec::new();
    loop {
        let reply = client.read().expect("an answer");
        let is_mark = match &reply {
            Resp::Bulk(mark) => mark == b"mark",
            // Within a transaction.
            Resp::Simple(queued) => queued == "QUEUED",
            Resp::Array(elements) => elements.last() == Some(&Resp::bulk("mark")),
            _ => false,
        };
        if is_mark {
            heard.splice(0..0, client.take_pushes());
            return heard;
        }
        heard.push(reply);
    }
}

/// Plays a script on both servers, which have to tell the same.
fn beside_redis(script: &str) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let [expected, told] = [redis.address(), hyrax.address()].map(|address| {
        let mut clients = Clients { address, clients: BTreeMap::new() };
        script.trim().lines().flat_map(|line| clients.play(line.trim())).collect::<Vec<_>>()
    });
    // Ids are the servers' own.
    for (expected, told) in expected.iter().zip(&told) {
        assert_eq!(told, expected);
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}\n{expected:#?}");
}

#[test]
fn keys_that_were_read_are_told_of_once() {
    beside_redis(
        "a3 CLIENT TRACKING ON
         a3 MSET k 1 l 2
         a3 MGET k l m
         b SET k 2
         b SET k 3
         b SET m 3
         a3 SET l 5
         a3 GET k
         b PEXPIRE k 1
         b DEL k
         a3 HGETALL h
         b HSET h f v
         a3 HGET h f
         b RENAME h g
         a3 CLIENT TRACKING OFF
         a3 GET l
         b SET l 1",
    );
}

#[test]
fn what_a_transaction_makes_stale_is_told_behind_its_reply() {
    beside_redis(
        "a3 CLIENT TRACKING ON
         a3 MSET k 1 l 2
         a3 MULTI
         a3 GET k
         a3 INCR k
         a3 GET l
         a3 EXEC
         b SET l 2
         a3 MULTI
         a3 FLUSHALL
         a3 EXEC",
    );
}

#[test]
fn prefixes_are_told_of_whoever_read_them() {
    beside_redis(
        "a3 CLIENT TRACKING ON BCAST PREFIX user: PREFIX job:
         b MSET user:1 a job:1 b other c user:2 d
         a3 SET user:1 x
         a3 CLIENT TRACKING ON BCAST PREFIX room:
         b SET room:1 x
         a3 CLIENT TRACKINGINFO
         a3 CLIENT TRACKING OFF
         a3 CLIENT TRACKING ON BCAST NOLOOP
         a3 SET mine 1
         b SET yours 1
         a3 CLIENT TRACKINGINFO
         b FLUSHDB",
    );
}

#[test]
fn a_choice_of_reads_is_remembered() {
    beside_redis(
        "a3 CLIENT TRACKING ON OPTIN
         a3 GET k
         b SET k 1
         a3 CLIENT CACHING YES
         a3 CLIENT TRACKINGINFO
         a3 GET k
         a3 GET l
         b MSET k 2 l 2
         a3 CLIENT CACHING NO
         a3 CLIENT TRACKING OFF
         a3 CLIENT TRACKING ON OPTOUT
         a3 CLIENT CACHING NO
         a3 GET k
         a3 GET l
         b MSET k 2 l 2
         a3 CLIENT CACHING MAYBE",
    );
}

#[test]
fn another_connection_is_told_in_its_own_protocol() {
    beside_redis(
        "b SUBSCRIBE __redis__:invalidate
         a CLIENT TRACKING ON REDIRECT <b>
         a GET k
         b3 SET k 1
         a GET k
         b3 FLUSHALL
         a CLIENT TRACKING ON REDIRECT <b3> NOLOOP
         a GET k
         a SET k 1
         a GET k
         b SUBSCRIBE other
         b3 SET k 2",
    );
}

#[test]
fn options_that_do_not_go_together_are_refused_in_redis_words() {
    beside_redis(
        "a3 CLIENT TRACKING MAYBE
         a3 CLIENT TRACKING ON PREFIX a
         a3 CLIENT TRACKING ON BCAST OPTIN
         a3 CLIENT TRACKING ON OPTIN OPTOUT
         a3 CLIENT TRACKING ON REDIRECT 0
         a3 CLIENT TRACKING ON REDIRECT 99999
         a3 CLIENT TRACKING ON REDIRECT x
         a3 CLIENT TRACKING ON REDIRECT
         a3 CLIENT TRACKING ON BCAST PREFIX ab PREFIX a
         a3 CLIENT TRACKING ON NONSENSE
         a3 CLIENT CACHING YES
         a3 CLIENT TRACKING ON BCAST PREFIX ab
         a3 CLIENT TRACKING ON BCAST PREFIX abc
         a3 CLIENT TRACKING ON
         a3 CLIENT CACHING YES
         a3 CLIENT TRACKING OFF
         a3 CLIENT TRACKING ON OPTIN
         a3 CLIENT TRACKING ON OPTOUT
         a3 CLIENT CACHING NO
         a3 CLIENT GETREDIR
         a3 RESET
         a3 CLIENT TRACKINGINFO",
    );
}

/// A client that reads while another writes never keeps a copy that is older than what it was last told of.
#[test]
fn no_stale_copy_outlives_the_writes() {
    let hyrax = Hyrax::start(&[]);
    let mut reader = hyrax.resp().resp3();
    assert_eq!(reader.run(&words("CLIENT TRACKING ON")), Resp::simple("OK"));
    let mut writer = hyrax.resp();
    let writes = 20_000;
    let written = std::thread::spawn(move || {
        for number in 1..=writes {
            writer.run(&words(&format!("SET k {number}")));
        }
    });
    let mut copy = None;
    while !written.is_finished() {
        if copy.is_none() {
            // A push before the reply is of an older copy, one behind it of this one.
            let before = reader.take_pushes().len();
            copy = Some(reader.run(&words("GET k")));
            let between = reader.take_pushes().len();
            assert!(before + between <= 1, "one reading, one telling");
        }
        reader.run(&words("PING"));
        if !reader.take_pushes().is_empty() {
            copy = None;
        }
    }
    written.join().expect("the writer writes");
    sleep(ARRIVES_WITHIN);
    reader.run(&words("PING"));
    let is_stale = !reader.take_pushes().is_empty();
    assert!(is_stale || copy.is_none_or(|copy| copy == Resp::bulk(writes.to_string())));
}
