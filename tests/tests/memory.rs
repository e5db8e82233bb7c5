//! A server whose memory is full goes on, in the real bytes of its own allocator.

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Argv, Resp, RespClient, words};

const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

const MIB: u64 = 1 << 20;

/// A value of some size.
fn value(bytes: usize) -> Vec<u8> {
    vec![b'v'; bytes]
}

fn set(key: &str, bytes: usize) -> Argv {
    vec![b"SET".to_vec(), key.as_bytes().to_vec(), value(bytes)]
}

fn run(client: &mut RespClient, line: &str) -> Resp {
    client.run(&words(line))
}

/// Sets keys until one is refused; how many were not.
fn fill(client: &mut RespClient, bytes: usize) -> usize {
    for number in 0..1_000_000 {
        match client.run(&set(&format!("key:{number}"), bytes)) {
            Resp::Error(text) => {
                assert_eq!(text, OUT_OF_MEMORY);
                return number;
            }
            reply => assert_eq!(reply, Resp::simple("OK")),
        }
    }
    panic!("nothing was ever refused");
}

/// The resident memory of a server, in bytes.
/// What it took for itself, its code left out.
fn resident(server: &Hyrax) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("RssAnon");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

#[test]
fn what_grows_is_refused_and_the_rest_goes_on() {
    let server = Hyrax::start(&["--maxmemory", "32MiB"]);
    let mut client = server.resp();
    let keys = fill(&mut client, 10_000);
    assert!((1_500..3_300).contains(&keys), "{keys} keys of 10 kB in 32 MiB");
    assert!(resident(&server) < 64 * MIB, "{} bytes are resident", resident(&server));
    for line in ["LPUSH l 1", "HSET h f v", "INCR n", "APPEND key:1 x", "BLMOVE a b LEFT LEFT 0"] {
        assert_eq!(run(&mut client, line), Resp::Error(OUT_OF_MEMORY.to_owned()), "{line}");
    }
    assert_eq!(run(&mut client, "GET key:1"), Resp::Bulk(value(10_000)));
    assert_eq!(run(&mut client, "EXPIRE key:1 100"), Resp::Integer(1));
    for number in 0..100 {
        assert_eq!(run(&mut client, &format!("DEL key:{number}")), Resp::Integer(1));
    }
    assert_eq!(client.run(&set("again", 10_000)), Resp::simple("OK"));
}

#[test]
fn a_transaction_is_refused_as_in_redis() {
    let server = Hyrax::start(&["--maxmemory", "32MiB"]);
    let mut client = server.resp();
    let refused = Resp::Error(OUT_OF_MEMORY.to_owned());
    run(&mut client, "MULTI");
    assert_eq!(run(&mut client, "SET a 1"), Resp::simple("QUEUED"));
    let mut reader = server.resp();
    run(&mut reader, "MULTI");
    assert_eq!(run(&mut reader, "GET key:1"), Resp::simple("QUEUED"));
    let mut filler = server.resp();
    fill(&mut filler, 10_000);
    let text = format!("EXECABORT Transaction discarded because of: {OUT_OF_MEMORY}");
    assert_eq!(run(&mut client, "EXEC"), Resp::Error(text));
    assert_eq!(run(&mut client, "GET a"), Resp::Null);
    assert_eq!(
        run(&mut reader, "EXEC"),
        Resp::Array(vec![Resp::Bulk(value(10_000))]),
        "reading takes nothing"
    );
    run(&mut client, "MULTI");
    assert_eq!(run(&mut client, "GET key:1"), refused, "a queue takes memory whatever is in it");
    let text = "EXECABORT Transaction discarded because of previous errors.".to_owned();
    assert_eq!(run(&mut client, "EXEC"), Resp::Error(text));
}

#[test]
fn keys_used_longest_ago_make_room_for_new_ones() {
    let server = Hyrax::start(&["--maxmemory", "32MiB", "--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.resp();
    for number in 0..10_000 {
        // The first hundred are used again and again.
        let hot = words(&format!("GET key:{}", number % 100));
        let reply = client.pipeline(&[set(&format!("key:{number}"), 10_000), hot]);
        assert_eq!(reply[0], Resp::simple("OK"));
    }
    let present = |client: &mut RespClient, keys: std::ops::Range<usize>| {
        keys.filter(|key| run(client, &format!("EXISTS key:{key}")) == Resp::Integer(1)).count()
    };
    let (hot, cold) = (present(&mut client, 0..100), present(&mut client, 100..8_000));
    assert!(hot > 60, "{hot} of 100 hot keys are there, {cold} of 7,900 cold ones");
    let Resp::Integer(keys) = run(&mut client, "DBSIZE") else { panic!("DBSIZE answers a number") };
    assert!((1_500..3_300).contains(&keys), "{keys} keys of 10 kB in 32 MiB");
    assert!(resident(&server) < 64 * MIB, "{} bytes are resident", resident(&server));
}
