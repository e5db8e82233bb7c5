//! Two nodes over one Redis: what is done at one is heard at the other.

use hyrax_tests::hyrax::{Hyrax, LineClient};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};
use serde_json::{Value, json};
use std::time::Duration;

/// As long as tests that show an absence wait.
const QUIET: Duration = Duration::from_millis(200);

/// Two nodes over one Redis.
pub struct Nodes {
    pub redis: Redis,
    pub a: Hyrax,
    pub b: Hyrax,
}

impl Nodes {
    pub fn start() -> Self {
        Nodes::over(Redis::start(), "")
    }

    fn over(redis: Redis, parameters: &str) -> Self {
        let url = format!("redis://{}{parameters}", redis.address());
        let node = || Hyrax::start(&["--values", &url]);
        Nodes { a: node(), b: node(), redis }
    }

    /// The Redis itself, as another of its clients.
    fn foreign(&self) -> RespClient {
        self.redis.client()
    }
}

fn says(client: &mut LineClient, command: Value) -> Value {
    let reply = client.request(&command);
    assert_eq!(reply.get("error"), None, "{command}: {reply}");
    reply
}

/// Monitors a key.
fn monitors(client: &mut LineClient, key: &str) {
    assert_eq!(says(client, json!({"cmd":"madd","key":key}))["return"], "OK");
}

/// Runs a command given as words.
fn runs(client: &mut LineClient, line: &str) -> Value {
    let mut words = line.split(' ');
    let (command, key) = (words.next(), words.next());
    says(client, json!({"cmd":command,"key":key,"args":words.collect::<Vec<_>>()}))["return"].clone()
}

/// The next push as `command key args…`.
fn heard(client: &mut LineClient) -> String {
    shown(&client.push())
}

fn shown(push: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let args = push["args"].as_array().into_iter().flatten().map(|arg| format!(" {}", text(arg)));
    format!("{} {}{}", text(&push["cmd"]), text(&push["key"]), args.collect::<String>())
}

fn hears_nothing(client: &mut LineClient) {
    assert_eq!(client.pushes_until_quiet(QUIET), Vec::<Value>::new());
}

#[test]
fn changes_at_one_node_are_heard_at_the_other_once_and_in_order() {
    let nodes = Nodes::start();
    let (mut writer, mut monitor, mut own) = (nodes.a.line(), nodes.b.line(), nodes.a.line());
    for client in [&mut monitor, &mut own] {
        ["foo", "set", "hash"].iter().for_each(|key| monitors(client, key));
    }
    for line in [
        "set foo bar",
        "set foo baz nx",
        "incrbyfloat num 1",
        "append foo x",
        "hset hash f v",
        "hset hash f v",
        "sadd set a",
        "sadd set a",
        "spop set",
        "mset foo 1 other 2",
        "del foo nothing",
        "lpush foo a",
    ] {
        runs(&mut writer, line);
    }
    for client in [&mut monitor, &mut own] {
        let mut by_key: Vec<(String, String)> = Vec::new();
        for push in client.pushes_until_quiet(QUIET) {
            by_key.push((push["key"].as_str().unwrap().to_owned(), shown(&push)));
        }
        let of = |key: &str| {
            by_key.iter().filter(|(of, _)| of == key).map(|(_, shown)| shown.clone()).collect::<Vec<_>>()
        };
        let foo =
            ["set foo bar", "append foo x", "mset foo foo 1 other 2", "del foo foo nothing", "lpush foo a"];
        assert_eq!(of("foo"), foo);
        assert_eq!(of("hash"), ["hset hash f v", "hset hash f v"]);
        assert_eq!(of("set"), ["sadd set a", "srem set a"]);
    }
}

#[test]
fn the_client_s_id_and_its_wish_for_quiet_reach_the_other_node() {
    let nodes = Nodes::start();
    let (mut writer, mut monitor) = (nodes.a.line(), nodes.b.line());
    monitors(&mut monitor, "foo");
    says(&mut writer, json!({"cmd":"set","key":"foo","args":["1"],"quiet":true}));
    says(&mut writer, json!({"cmd":"set","key":"foo","args":["2"],"id":"gopher"}));
    let push = monitor.push();
    assert_eq!((shown(&push), &push["id"]), ("set foo 2".to_owned(), &json!("gopher")));
}

#[test]
fn a_snapshot_and_the_pushes_after_it_are_the_whole_while_another_node_writes() {
    let nodes = Nodes::start();
    let address = nodes.a.address();
    let writing = std::thread::spawn(move || {
        let mut writer = LineClient::connect(address);
        (0..2_000).for_each(|_| drop(runs(&mut writer, "incr n")));
    });
    for _ in 0..20 {
        let mut monitor = nodes.b.line();
        let reply = says(&mut monitor, json!({"command":"mon","payload":[{"id":"n"}]}));
        let start: u64 = reply["return"][0].as_str().unwrap().parse().unwrap_or(0);
        let pushes = monitor.pushes_until_quiet(Duration::from_millis(5)).len() as u64;
        let now = monitor.request(&json!({"command":"get","payload":{"id":"n"}}));
        let now: u64 = now["return"].as_str().map_or(0, |text| text.parse().unwrap());
        let more = monitor.pushes_until_quiet(Duration::from_millis(50)).len() as u64;
        assert!(start + pushes <= now || more > 0 || start + pushes >= now, "{start} {pushes} {more} {now}");
        assert!(start + pushes + more >= now, "{start} + {pushes} + {more} pushes do not reach {now}");
    }
    writing.join().unwrap();
}

#[test]
fn a_key_that_expires_is_told_once_at_each_node() {
    for parameters in ["", "?events=no"] {
        let nodes = Nodes::over(Redis::start(), parameters);
        let (mut writer, mut monitor, mut own) = (nodes.a.line(), nodes.b.line(), nodes.a.line());
        runs(&mut writer, "set early 1 px 1500");
        for client in [&mut monitor, &mut own] {
            ["early", "foo"].iter().for_each(|key| monitors(client, key));
        }
        runs(&mut writer, "set foo 1 px 100");
        for client in [&mut monitor, &mut own] {
            // The one expires long before the other, which was there before anybody monitored it.
            let told = [heard(client), heard(client), heard(client)];
            assert_eq!(told, ["set foo 1 px 100", "expired foo", "expired early"], "{parameters}");
            hears_nothing(client);
        }
    }
}

#[test]
fn a_key_that_is_evicted_is_told_once_at_each_node() {
    let nodes = Nodes::over(Redis::start_with(&["--maxmemory-policy", "volatile-random"]), "");
    let (mut writer, mut monitor, mut own) = (nodes.a.line(), nodes.b.line(), nodes.a.line());
    runs(&mut writer, "set foo 1 ex 1000");
    [&mut monitor, &mut own].into_iter().for_each(|client| monitors(client, "foo"));
    let mut foreign = nodes.foreign();
    foreign.run(&words("CONFIG SET maxmemory 1"));
    foreign.run(&words("GET foo"));
    for client in [&mut monitor, &mut own] {
        assert_eq!(heard(client), "evicted foo");
        hears_nothing(client);
    }
}

#[test]
fn what_others_write_straight_into_redis_is_told_with_its_value() {
    let nodes = Nodes::start();
    let (mut writer, mut monitor, mut own) = (nodes.a.line(), nodes.b.line(), nodes.a.line());
    for client in [&mut monitor, &mut own] {
        ["foo", "hash", "list"].iter().for_each(|key| monitors(client, key));
    }
    let mut foreign = nodes.foreign();
    let mut step = |foreign_line: &str, told: &str, nodes_line: &str| {
        foreign.run(&words(foreign_line));
        for client in [&mut monitor, &mut own] {
            assert_eq!(heard(client), told, "{foreign_line}");
        }
        // What is written through a node is told by itself alone.
        runs(&mut writer, nodes_line);
        for client in [&mut monitor, &mut own] {
            assert_eq!(heard(client), nodes_line);
            hears_nothing(client);
        }
    };
    step("SET foo bar", "changed foo bar", "append foo x");
    step("DEL foo", "del foo", "set foo y");
    step("SET foo y", "changed foo y", "expire foo 100");
    step("HSET hash f v", "changed hash f v", "hset hash g w");
    step("RPUSH list a b", "changed list a b", "lpop list");
    step("LTRIM list 5 9", "del list", "rpush list c");
}

#[test]
fn a_connection_to_redis_that_is_cut_is_made_up_for_by_a_reset() {
    let nodes = Nodes::over(Redis::start(), "?events=no");
    let (mut writer, mut monitor) = (nodes.a.line(), nodes.b.line());
    let reply = says(&mut monitor, json!({"cmd":"madd","key":"foo"}));
    let mut foreign = nodes.foreign();
    for round in 0..3 {
        foreign.run(&words("CLIENT KILL TYPE pubsub"));
        // Whether this is told or made up for depends on who is faster.
        runs(&mut writer, &format!("set foo {round}"));
        let (mut value, mut was_reset, mut rev) = (json!(null), false, reply["rev"].as_u64());
        while !was_reset || value != json!(round.to_string()) {
            let push = monitor.push();
            assert!(push["rev"].as_u64() >= rev, "{push}");
            rev = push["rev"].as_u64();
            was_reset |= push["cmd"] == "mreset";
            value = if push["cmd"] == "mreset" { push["value"].clone() } else { push["args"][0].clone() };
        }
        runs(&mut writer, "append foo x");
        assert_eq!(heard(&mut monitor), "append foo x");
    }
}

#[test]
fn who_comes_back_to_another_node_is_told_to_begin_anew() {
    let nodes = Nodes::start();
    let (mut writer, mut monitor) = (nodes.a.line(), nodes.a.line());
    let rev = says(&mut monitor, json!({"cmd":"madd","key":"foo"}))["rev"].as_u64().unwrap();
    runs(&mut writer, "set foo 1");
    assert_eq!(heard(&mut monitor), "set foo 1");
    drop(monitor);
    runs(&mut writer, "set foo 2");
    let mut back = nodes.a.line();
    let reply = says(&mut back, json!({"cmd":"madd","key":"foo","since":rev}));
    assert_eq!(reply["return"], "OK");
    assert_eq!([heard(&mut back), heard(&mut back)], ["set foo 1", "set foo 2"]);
    let mut elsewhere = nodes.b.line();
    let reply = says(&mut elsewhere, json!({"cmd":"madd","key":"foo","since":rev}));
    assert_eq!((&reply["return"], &reply["value"]), (&json!("reset"), &json!("2")));
}

#[test]
fn prefixes_and_everything_are_heard_across_nodes() {
    let nodes = Nodes::start();
    let mut writers = [nodes.a.line(), nodes.b.line()];
    let (mut prefix, mut local, mut global) = (nodes.b.line(), nodes.b.line(), nodes.b.line());
    says(&mut prefix, json!({"cmd":"mprefix","key":"user:"}));
    says(&mut local, json!({"cmd":"mlocal"}));
    says(&mut global, json!({"cmd":"mglobal"}));
    runs(&mut writers[0], "set user:1 a");
    runs(&mut writers[1], "set user:2 b");
    runs(&mut writers[0], "set other c");
    assert_eq!([heard(&mut prefix), heard(&mut prefix)], ["set user:1 a", "set user:2 b"]);
    assert_eq!(heard(&mut local), "set user:2 b");
    let all = [heard(&mut global), heard(&mut global), heard(&mut global)];
    assert_eq!(all, ["set user:1 a", "set user:2 b", "set other c"]);
    runs(&mut writers[0], "set user:3 c px 50");
    assert_eq!([heard(&mut prefix), heard(&mut prefix)], ["set user:3 c px 50", "expired user:3"]);
    hears_nothing(&mut local);
}

#[test]
fn a_command_that_waits_at_one_node_is_served_by_another() {
    let nodes = Nodes::start();
    let (mut waiting, mut reading, mut writer) = (nodes.b.resp(), nodes.b.resp(), nodes.a.resp());
    waiting.send_raw(b"BLPOP jobs 5\r\n").unwrap();
    reading.send_raw(b"XREAD BLOCK 5000 STREAMS log $\r\n").unwrap();
    assert!(!waiting.has_reply(QUIET) && !reading.has_reply(QUIET));
    writer.run(&words("RPUSH jobs one two"));
    writer.run(&words("XADD log 1-1 f v"));
    assert_eq!(waiting.read().unwrap(), Resp::Array(vec![Resp::bulk("jobs"), Resp::bulk("one")]));
    let entry = Resp::Array(vec![Resp::bulk("1-1"), Resp::Array(vec![Resp::bulk("f"), Resp::bulk("v")])]);
    let stream = Resp::Array(vec![Resp::bulk("log"), Resp::Array(vec![entry])]);
    assert_eq!(reading.read().unwrap(), Resp::Array(vec![stream]));
    assert_eq!(writer.run(&words("LRANGE jobs 0 -1")), Resp::Array(vec![Resp::bulk("two")]));
    // A push by another client of that Redis serves as well.
    waiting.send_raw(b"BZPOPMIN scores 5\r\n").unwrap();
    assert!(!waiting.has_reply(QUIET));
    nodes.foreign().run(&words("ZADD scores 1 m"));
    assert!(matches!(waiting.read().unwrap(), Resp::Array(found) if found.len() == 3));
}

#[test]
fn a_watched_key_that_another_node_changes_stops_a_transaction() {
    let nodes = Nodes::start();
    let (mut one, mut other) = (nodes.a.resp(), nodes.b.resp());
    for (change, runs) in [("GET k", true), ("SET k 2", false), ("SET l 2", false), ("EXISTS k", true)] {
        one.run(&words("WATCH k l"));
        other.run(&words(change));
        one.run(&words("MULTI"));
        one.run(&words("INCR n"));
        one.run(&words("SET m 1"));
        let replies = one.run(&words("EXEC"));
        assert_eq!(matches!(replies, Resp::Array(_)), runs, "{change}: {replies:?}");
    }
    assert_eq!(other.run(&words("GET n")), Resp::bulk("2"));
}

#[test]
fn keys_with_a_prefix_leave_others_alone() {
    let nodes = Nodes::over(Redis::start(), "?prefix=app%3A");
    let (mut writer, mut monitor) = (nodes.a.resp(), nodes.b.line());
    let mut foreign = nodes.foreign();
    foreign.run(&words("SET theirs 1"));
    monitors(&mut monitor, "ours");
    for line in ["SET ours 1", "RPUSH list a", "RENAME ours renamed", "SORT list BY w_* STORE sorted"] {
        assert!(!writer.run(&words(line)).is_error(), "{line}");
    }
    assert_eq!([heard(&mut monitor), heard(&mut monitor)], ["set ours 1", "rename ours ours renamed"]);
    assert_eq!(foreign.run(&words("GET app:renamed")), Resp::bulk("1"));
    assert_eq!(writer.run(&words("DBSIZE")), Resp::Integer(3));
    assert_eq!(writer.run(&words("KEYS *")).elements().map(<[Resp]>::len), Some(3));
    assert_eq!(
        writer.run(&words("BLPOP none list 0")),
        Resp::Array(vec![Resp::bulk("list"), Resp::bulk("a")])
    );
    assert!(!writer.run(&words("FLUSHALL")).is_error());
    assert_eq!(writer.run(&words("DBSIZE")), Resp::Integer(0));
    assert_eq!(foreign.run(&words("GET theirs")), Resp::bulk("1"));
}

#[test]
fn status_names_the_engine() {
    let nodes = Nodes::start();
    let info = nodes.a.resp().run(&words("INFO server"));
    let Resp::Bulk(text) = info else { panic!("{info:?}") };
    assert!(String::from_utf8_lossy(&text).contains("hyrax_values:redis\r\n"));
}
