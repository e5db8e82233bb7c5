//! Channels: what Redis tells its subscribers, byte for byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hyrax_tests::differential::Random;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Clients of one server. What each is told is read up to a mark that it asks for itself.
struct Clients {
    address: SocketAddr,
    resp3: bool,
    streams: BTreeMap<String, TcpStream>,
    marks: usize,
}

impl Clients {
    fn new(address: SocketAddr, resp3: bool) -> Self {
        Clients { address, resp3, streams: BTreeMap::new(), marks: 0 }
    }

    fn stream(&mut self, name: &str) -> &mut TcpStream {
        let address = self.address;
        let begins = !self.streams.contains_key(name);
        let stream = self.streams.entry(name.to_owned()).or_insert_with(|| {
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_read_timeout(Some(WITHIN)).expect("a time");
            stream
        });
        if begins && self.resp3 {
            stream.write_all(b"HELLO 3\r\n").expect("the server reads");
            self.told(name);
        }
        self.streams.get_mut(name).expect("it has just been there")
    }

    /// Sends commands, each on a line, all at once; what the client is told up to when they are done.
    fn say(&mut self, name: &str, commands: &str) -> String {
        let wire: String = commands.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        self.stream(name).write_all(wire.as_bytes()).expect("the server reads");
        self.told(name)
    }

    /// What a client has been told since it was asked last.
    fn told(&mut self, name: &str) -> String {
        self.marks += 1;
        let mark = format!("mark{}", self.marks);
        let stream = self.stream(name);
        stream.write_all(format!("PING {mark}\r\n").as_bytes()).expect("the server reads");
        let (mut told, mut buffer) = (Vec::new(), [0; 4096]);
        while !told.ends_with(format!("{mark}\r\n").as_bytes()) {
            let length = stream.read(&mut buffer).expect("the server answers");
            assert!(length > 0, "{name} is disconnected after {}", told.escape_ascii());
            told.extend_from_slice(&buffer[..length]);
        }
        without_id(&told.escape_ascii().to_string().replace("\\r\\n", " "))
    }
}

/// What was told, without the client's number in a greeting.
fn without_id(told: &str) -> String {
    let masked = |part: &str| part.trim_start_matches(|digit: char| digit.is_ascii_digit()).to_owned();
    let mut parts = told.split("$2 id :");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "$2 id :" + &masked(part))
}

/// Plays the same on both servers, in both versions of the protocol; everybody must be told the same.
fn beside_redis(play: impl Fn(&mut Clients) -> Vec<String>) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    for resp3 in [false, true] {
        let expected = play(&mut Clients::new(redis.address(), resp3));
        let told = play(&mut Clients::new(hyrax.address(), resp3));
        for (number, (told, expected)) in told.iter().zip(&expected).enumerate() {
            assert_eq!(told, expected, "step {number}, RESP{}", if resp3 { 3 } else { 2 });
        }
    }
}

/// Plays lines of `name: command; command…`, and `name?` for what the client was told meanwhile.
fn script_beside_redis(script: &str) {
    beside_redis(|clients| {
        let line = |line: &str| match line.split_once(": ") {
            Some((name, commands)) => clients.say(name, &commands.replace(';', "\n")),
            None => clients.told(line.trim_end_matches('?')),
        };
        script.trim().lines().map(str::trim).map(line).collect()
    });
}

#[test]
fn subscribers_are_told_what_is_published() {
    script_beside_redis(
        "a: SUBSCRIBE news; SUBSCRIBE news sport
         b: PSUBSCRIBE n* x?; SUBSCRIBE news; SSUBSCRIBE news
         p: PUBLISH news one; PUBLISH news two; PUBLISH sport three; PUBLISH none four; SPUBLISH news five
         a?
         b?
         a: UNSUBSCRIBE sport; UNSUBSCRIBE sport other
         p: PUBLISH sport six; PUBLISH news seven
         b: PUNSUBSCRIBE n*; SUNSUBSCRIBE
         p: PUBLISH news eight; SPUBLISH news nine
         a?
         b?
         b: UNSUBSCRIBE; PUNSUBSCRIBE; UNSUBSCRIBE; PUNSUBSCRIBE; SUNSUBSCRIBE; PUBLISH news ten
         a?",
    );
}

#[test]
fn the_channels_in_use_are_listed() {
    script_beside_redis(
        "a: SUBSCRIBE one; PSUBSCRIBE o* p*; SSUBSCRIBE shard
         b: SUBSCRIBE one; PSUBSCRIBE o*
         p: PUBSUB CHANNELS; PUBSUB CHANNELS o*; PUBSUB CHANNELS x*; PUBSUB NUMPAT
         p: PUBSUB NUMSUB; PUBSUB NUMSUB one none; PUBSUB SHARDCHANNELS; PUBSUB SHARDNUMSUB shard one
         p: PUBSUB; PUBSUB CHANNELS a b; PUBSUB NUMPAT a; PUBSUB NOSUCH; PUBSUB HELP
         p: PUBLISH one; PUBLISH; SUBSCRIBE; SPUBLISH one
         b: RESET; PING
         p: PUBSUB NUMSUB one; PUBSUB NUMPAT",
    );
}

#[test]
fn in_resp2_a_subscriber_may_only_change_what_it_is_subscribed_to() {
    script_beside_redis(
        "a: PING; SUBSCRIBE c; PING; PING x; GET k; SET k v; NOSUCH; PUBLISH c m; HELLO; CLIENT ID; MULTI
         a: PSUBSCRIBE d*; UNSUBSCRIBE; GET k; PUNSUBSCRIBE; GET k
         a: SSUBSCRIBE s; GET k; RESET; GET k
         a: MULTI; SUBSCRIBE c; PING; EXEC; UNSUBSCRIBE c
         a: HELLO 2; SUBSCRIBE c; UNSUBSCRIBE",
    );
}

/// Plays on both servers with one client that speaks RESP3; what it is told must be the same.
fn alone_beside_redis(steps: &[&str]) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let play = |address| {
        let mut clients = Clients::new(address, true);
        let told = steps.iter().map(|commands| clients.say("a", &commands.replace(';', "\n")));
        told.collect::<Vec<String>>()
    };
    assert_eq!(play(hyrax.address()), play(redis.address()));
}

#[test]
fn a_publisher_is_told_its_own_message_before_the_reply() {
    alone_beside_redis(&[
        "ECHO x; SUBSCRIBE c; ECHO y; PUBLISH c 1; ECHO z; PUBLISH c 2; PSUBSCRIBE *; PUBLISH c 3",
        "PUBLISH c 4; UNSUBSCRIBE c; PUBLISH c 5; SET k v; GET k; PUBLISH d 6",
        "HELLO 2; PING; HELLO 3; RESET; HELLO 3; PUBLISH d 7",
    ]);
}

#[test]
fn who_wants_no_replies_is_told_messages_all_the_same() {
    alone_beside_redis(&[
        "SUBSCRIBE c; CLIENT REPLY SKIP; PUBLISH c 1; ECHO x; CLIENT REPLY SKIP; SUBSCRIBE d; ECHO y",
        "CLIENT REPLY OFF; PUBLISH c 2; SUBSCRIBE e; ECHO z; UNSUBSCRIBE c; PUBLISH e 3; CLIENT REPLY ON",
    ]);
}

#[test]
fn in_a_transaction_a_publishers_own_messages_come_after_the_reply() {
    // Redis 7.0 writes them into the middle of it, where no client looks for them; 7.2 does as here.
    let hyrax = Hyrax::start(&[]);
    let mut clients = Clients::new(hyrax.address(), true);
    clients.say("a", "SUBSCRIBE c");
    let told = clients.say("a", "MULTI\nPUBLISH c 1\nECHO x\nPUBLISH c 2\nEXEC\nECHO y");
    let messages = ">3 $7 message $1 c $1 1 >3 $7 message $1 c $1 2 ";
    assert_eq!(
        told.split(" $5 mark").next(),
        Some(&*format!("+OK +QUEUED +QUEUED +QUEUED *3 :1 $1 x :1 {messages}$1 y"))
    );
}

#[test]
fn over_channels_and_patterns_everybody_sees_one_order() {
    const CHANNELS: [&str; 4] = ["one", "two", "three", "four"];
    let hyrax = Hyrax::start(&[]);
    let mut listeners: Vec<RespClient> =
        (0..8).map(|_| RespClient::connect(hyrax.address()).resp3()).collect();
    let mut random = Random::new(1);
    for listener in &mut listeners {
        listener.send_raw(b"PSUBSCRIBE *o*\r\nSUBSCRIBE one two three four\r\n").expect("it reads");
        (0..5).for_each(|_| drop(listener.next_push()));
    }
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let mut client = RespClient::connect(hyrax.address());
            let channels: Vec<&str> = (0..500).map(|_| CHANNELS[random.below(CHANNELS.len())]).collect();
            std::thread::spawn(move || {
                for (number, channels) in channels.chunks(7).enumerate() {
                    let publish =
                        |(at, channel)| words(&format!("PUBLISH {channel} {publisher}-{number}-{at}"));
                    client.pipeline(&channels.iter().enumerate().map(publish).collect::<Vec<_>>());
                }
            })
        })
        .collect();
    publishers.into_iter().for_each(|publisher| publisher.join().expect("it publishes"));
    let mut heard: Vec<Vec<Resp>> = Vec::new();
    for listener in &mut listeners {
        // What was published before is told before this is answered.
        listener.run(&words("ECHO done"));
        heard.push(listener.take_pushes());
    }
    assert!(heard[0].len() > 2_000);
    assert!(heard[1..].iter().all(|other| *other == heard[0]), "two saw another order");
    for publisher in 0..4 {
        let own = heard[0].iter().filter_map(|push| match push.elements()?.last()? {
            Resp::Bulk(payload) => String::from_utf8(payload.clone()).ok(),
            _ => None,
        });
        let own: Vec<(usize, usize)> = own
            .filter_map(|payload| {
                let (number, at) = payload.strip_prefix(&format!("{publisher}-"))?.split_once('-')?;
                Some((number.parse().ok()?, at.parse().ok()?))
            })
            .collect();
        assert!(own.is_sorted(), "a publisher's order was changed");
    }
}

#[test]
fn keyspace_events_are_published_when_asked_for() {
    script_beside_redis(
        "p: CONFIG GET notify-keyspace-events; CONFIG SET notify-keyspace-events KEA
         p: CONFIG GET notify-keyspace-events; CONFIG SET notify-keyspace-events KEQ
         a: PSUBSCRIBE __key*__:*
         b: SUBSCRIBE __keyevent@0__:del __keyspace@0__:l
         p: SET k v EX 1000; LPUSH l a; LPOP l; DEL k; GET none; RENAME none other; SET k v; RENAME k j
         a?
         b?
         p: MULTI; HSET h f v; HDEL h f; EXEC; CONFIG SET notify-keyspace-events Kgn; SET k v; DEL k
         a?
         p: CONFIG SET notify-keyspace-events Em; GET none; SET k v; CONFIG SET notify-keyspace-events ''
         a?
         p: SET k w; DEL k
         a?
         b?",
    );
}

#[test]
fn the_configuration_may_ask_for_keyspace_events() {
    let hyrax = Hyrax::start(&["--notify-keyspace-events", "Ex"]);
    let mut clients = Clients::new(hyrax.address(), false);
    clients.say("a", "PSUBSCRIBE *");
    clients.say("p", "SET k v PX 20\nSET j v");
    std::thread::sleep(Duration::from_millis(200));
    assert!(clients.told("a").starts_with("*4 $8 pmessage $1 * $22 __keyevent@0__:expired $1 k "));
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let mut clients = Clients::new(hyrax.address(), false);
    clients.say("slow", "SUBSCRIBE c");
    clients.say("quick", "SUBSCRIBE c");
    let message = "x".repeat(10_000);
    let mut publisher = RespClient::connect(hyrax.address());
    let reached = |publisher: &mut RespClient| publisher.run(&words(&format!("PUBLISH c {message}")));
    for number in 0.. {
        assert!(number < 100_000, "the slow subscriber is still there");
        let reached = reached(&mut publisher);
        clients.told("quick");
        if reached == Resp::Integer(1) {
            break;
        }
    }
    clients.say("quick", "UNSUBSCRIBE");
    assert_eq!(reached(&mut publisher), Resp::Integer(0));
}

#[test]
fn publishing_needs_what_writing_needs() {
    let hyrax = Hyrax::start(&["--operator", "op:secret"]);
    let mut clients = Clients::new(hyrax.address(), false);
    let told = clients.say("a", "PUBLISH c m\nSPUBLISH c m\nAUTH op secret\nPUBLISH c m");
    let refused = "-NOAUTH Authentication required.";
    assert!(told.starts_with(&format!("{refused} {refused} +OK :0 ")), "{told}");
    clients.say("b", "SUBSCRIBE c");
    assert!(clients.say("a", "PUBLISH c m").starts_with(":1 "), "anybody may listen");
}
