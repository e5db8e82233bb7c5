//! Keys and collections: orders, cursors, chance.

use crate::both::{Both, array, error, last_of, sorted, with_numbers};
use hyrax_tests::resp::{Resp, words};

/// Makes a hash, a set and a sorted set of 1000 elements each, and 300 keys.
fn filled() -> Both {
    let both = Both::start();
    let pairs: String = (0..1000).map(|number| format!(" {number} {number}")).collect();
    let mut lines = vec![
        format!("HSET h{pairs}"),
        with_numbers("SADD s", 0..1000).replace("s 0", "s x 0"),
        format!("ZADD z{pairs}"),
    ];
    lines.extend((0..300).map(|number| format!("SET key:{number} x")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    both.last_of(&lines);
    both
}

#[test]
pub fn collections_come_in_another_order_but_they_are_the_same() {
    let both = filled();
    for command in ["KEYS *", "SMEMBERS s", "HGETALL h", "HKEYS h", "HVALS h", "SUNION s"] {
        let [redis, hyrax] = both.last_of(&[command]);
        assert_ne!(redis, hyrax, "{command}");
        assert_eq!(sorted(&redis), sorted(&hyrax), "{command}");
    }
}

#[test]
pub fn a_scan_has_cursors_of_its_own_and_sees_the_same() {
    let both = filled();
    for scan in ["SCAN", "HSCAN h", "SSCAN s", "ZSCAN z"] {
        let first =
            both.last_of(&[&format!("{scan} 0")]).map(|reply| reply.elements().expect("a scan")[0].clone());
        assert_ne!(first[0], first[1], "{scan}: the first cursor");
        assert!(first.iter().all(|cursor| *cursor != Resp::bulk("0")), "{scan}: ten are not all");
        let [redis, hyrax] = both.clients().map(|mut client| {
            let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
            loop {
                let reply = client.run(&words(&format!("{scan} {cursor} COUNT 100")));
                let Some([Resp::Bulk(next), elements]) = reply.elements() else { panic!("{reply:?}") };
                // A field or member comes with its value or score.
                let each = if scan.starts_with('H') || scan.starts_with('Z') { 2 } else { 1 };
                seen.extend(elements.elements().expect("elements").chunks(each).map(<[Resp]>::to_vec));
                cursor = String::from_utf8(next.clone()).expect("a number");
                if cursor == "0" {
                    break;
                }
            }
            seen.sort_unstable();
            seen.dedup();
            seen
        });
        assert_eq!(redis, hyrax, "{scan}");
    }
}

/// Draws many times; both draw what is there, and not the same.
fn draws_differ(command: &str) {
    let both = filled();
    let line = command.to_owned();
    let lines = vec![line.as_str(); 20];
    let draw = |mut client: hyrax_tests::resp::RespClient| -> Vec<Resp> {
        let commands: Vec<_> = lines.iter().map(|line| words(line)).collect();
        client.pipeline(&commands)
    };
    let [redis, hyrax] = both.clients().map(draw);
    assert!(hyrax.iter().all(|drawn| matches!(drawn, Resp::Bulk(_))), "{hyrax:?}");
    assert_ne!(
        redis, hyrax,
        "{command}: the same twenty times by chance is one in a thousand to the power of 20"
    );
}

#[test]
pub fn spop_draws_others() {
    draws_differ("SPOP s");
}

#[test]
pub fn srandmember_draws_others() {
    draws_differ("SRANDMEMBER s");
}

#[test]
pub fn hrandfield_draws_others() {
    draws_differ("HRANDFIELD h");
}

#[test]
pub fn zrandmember_draws_others() {
    draws_differ("ZRANDMEMBER z");
}

#[test]
pub fn randomkey_draws_others() {
    draws_differ("RANDOMKEY");
}

#[test]
pub fn ranges_by_member_among_several_scores_are_left_open() {
    // By score: b, d, a, c, so that members are in no order.
    let both = Both::start();
    let small = ["ZADD z 1 b 2 d 3 a 4 c", "ZRANGEBYLEX z [a [b"];
    let [redis, hyrax] = both.last_of(&small);
    // What was found depends on where the search went; in a small set both go from the beginning.
    assert_eq!(redis, hyrax);
    let members: String = (0..500).map(|number| format!(" {} m{:03}", number * 7 % 500, number)).collect();
    let [redis, hyrax] = both.last_of(&["DEL z", &format!("ZADD z{members}"), "ZRANGEBYLEX z [m100 [m200"]);
    // Each gives a run of the set's order, wherever its search led.
    let [all, _] = both.last_of(&["ZRANGE z 0 -1"]);
    for reply in [redis, hyrax] {
        let (found, all) = (reply.elements().expect("members"), all.elements().expect("members"));
        assert!(found.is_empty() || all.windows(found.len()).any(|run| run == found), "{found:?}");
    }
    // Where all scores are the same, the range is defined, and the same.
    let members: String = (0..500).map(|number| format!(" 0 m{number:03}")).collect();
    let [redis, hyrax] = both.last_of(&["DEL z", &format!("ZADD z{members}"), "ZRANGEBYLEX z [m100 [m200"]);
    assert_eq!(redis.elements().map(<[Resp]>::len), Some(101));
    assert_eq!(redis, hyrax);
}

#[test]
pub fn a_key_past_its_time_is_not_counted() {
    let both = Both::start();
    let [redis, hyrax] = both.last_of(&["SET k v PXAT 1000", "MEMORY USAGE k"]);
    assert!(matches!(redis, Resp::Integer(_) | Resp::Null), "{redis:?}");
    assert_eq!(hyrax, Resp::Null);
    // Redis looks for such keys ten times a second, so that right after its time a key is still counted.
    let fill: Vec<String> = (0..1000).map(|number| format!("SET {number} v PX 100")).collect();
    let lines: Vec<&str> = fill.iter().map(String::as_str).collect();
    both.last_of(&lines);
    std::thread::sleep(std::time::Duration::from_millis(101));
    let [redis, hyrax] = both.last_of(&["DBSIZE"]);
    assert!(matches!(redis, Resp::Integer(0..=1001)), "{redis:?}");
    assert_eq!(hyrax, Resp::Integer(0));
}

#[test]
pub fn sorting_looks_at_no_number_but_its_own() {
    let [redis, hyrax] = last_of(&["ZADD z 5e-324 2 1 1", "SORT z"]);
    assert_eq!(redis, error("ERR One or more scores can't be converted into double"));
    assert_eq!(hyrax, array(&["1", "2"]));
}

#[test]
pub fn which_of_equals_comes_within_a_limit_is_left_open() {
    let both = Both::start();
    let fill = with_numbers("RPUSH l", 0..3000);
    // All have the same weight: that of a key which is not there.
    let [redis, hyrax] = both.last_of(&[&fill, "SORT l BY nosuch_*x LIMIT 0 3 ALPHA"]);
    assert_eq!(redis.elements().map(<[Resp]>::len), Some(3));
    assert_eq!(hyrax, array(&["0", "1", "2"]), "the first");
    let places: String = (0..1500).map(|number| format!(" 1 1 p{number:04}")).collect();
    let add = format!("GEOADD g{places}");
    let [redis, hyrax] = both.last_of(&[&add, "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 km ASC COUNT 3"]);
    assert_eq!(redis.elements().map(<[Resp]>::len), Some(3));
    assert_eq!(hyrax, array(&["p0000", "p0001", "p0002"]), "the first");
}

#[test]
pub fn an_integer_that_was_copied_is_still_a_small_one() {
    let [redis, hyrax] = last_of(&["SET a 1", "COPY a b", "OBJECT REFCOUNT b"]);
    assert_eq!([redis, hyrax], [Resp::Integer(1), Resp::Integer(2_147_483_647)]);
}

#[test]
pub fn the_encoding_is_that_of_the_default_settings() {
    let set = "CONFIG SET hash-max-listpack-entries 2 set-max-intset-entries 2 zset-max-listpack-entries 2";
    for (fill, theirs, ours) in [
        ("HSET k a 1 b 2 c 3", "hashtable", "listpack"),
        ("SADD k 1 2 3", "hashtable", "intset"),
        ("ZADD k 1 a 2 b 3 c", "skiplist", "listpack"),
    ] {
        let [redis, hyrax] = last_of(&[set, fill, "OBJECT ENCODING k"]);
        assert_eq!([redis, hyrax], [Resp::bulk(theirs), Resp::bulk(ours)], "{fill}");
    }
}

#[test]
pub fn a_value_is_dumped_in_other_bytes_and_restored_by_the_other() {
    let both = Both::start();
    let [theirs, ours] = both.last_of(&["RPUSH l a b c", "DUMP l"]);
    assert_ne!(theirs, ours);
    let restored = [(both.redis.client(), ours), (both.hyrax.resp(), theirs)];
    for (mut client, payload) in restored {
        let Resp::Bulk(payload) = payload else { panic!("a payload expected, not {payload:?}") };
        let restore = [&b"RESTORE"[..], b"copy", b"0", &payload].map(<[u8]>::to_vec);
        assert_eq!(client.run(&restore), Resp::simple("OK"));
        assert_eq!(client.run(&words("LRANGE copy 0 -1")), array(&["a", "b", "c"]));
    }
}

#[test]
pub fn a_hash_in_a_ziplist_is_not_restored() {
    // What Redis 6.2 dumped of `HSET h f v`: version 9.
    let mut payload = b"\x0d\x11\x11\0\0\0\x0d\0\0\0\x02\0\0\x01f\x03\x01v\xff\x09\0".to_vec();
    payload.extend(crc64(&payload).to_le_bytes());
    let restore = vec![b"RESTORE".to_vec(), b"h".to_vec(), b"0".to_vec(), payload];
    let [redis, hyrax] = Both::start().run(&[restore]);
    assert_eq!(redis, Resp::simple("OK"));
    assert_eq!(hyrax, error("ERR Bad data format"));
}

/// The checksum of a payload.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc: u64, &byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 }
        })
    })
}

#[test]
pub fn what_is_restored_does_not_say_how_often_it_was_used() {
    let both = Both::start();
    for mut client in both.clients() {
        client.run(&words("SET a 1"));
        let Resp::Bulk(payload) = client.run(&words("DUMP a")) else { panic!("a payload") };
        for (key, option, number) in [(&b"b"[..], &b"IDLETIME"[..], &b"1000"[..]), (b"c", b"FREQ", b"100")] {
            let restore = [&b"RESTORE"[..], key, b"0", &payload, option, number].map(<[u8]>::to_vec);
            assert_eq!(client.run(&restore), Resp::simple("OK"));
        }
    }
    let [redis, hyrax] = both.last_of(&["OBJECT IDLETIME b"]);
    let (Resp::Integer(1000..1100), Resp::Integer(1000..1100)) = (&redis, &hyrax) else {
        panic!("{redis:?}, {hyrax:?}")
    };
    let lfu = both.redis.client().run(&words("CONFIG SET maxmemory-policy allkeys-lfu"));
    assert_eq!(lfu, Resp::simple("OK"));
    let [redis, hyrax] = both.last_of(&["OBJECT FREQ c"]);
    assert!(matches!(redis, Resp::Integer(_)), "{redis:?}");
    assert!(hyrax.is_error(), "no policy here counts: {hyrax:?}");
}
