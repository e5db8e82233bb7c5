//! Settings that clients make and read back, beside Redis.

use crate::bytes::{beside_redis, exchange};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;

/// What clients set of which nothing depends here, or only what a trim of a stream takes.
const KEPT: [&str; 42] = [
    "active-defrag-cycle-max",
    "active-defrag-cycle-min",
    "active-defrag-ignore-bytes",
    "active-defrag-max-scan-fields",
    "active-defrag-threshold-lower",
    "active-defrag-threshold-upper",
    "active-expire-effort",
    "activedefrag",
    "activerehashing",
    "busy-reply-threshold",
    "dynamic-hz",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "hash-max-ziplist-entries",
    "hash-max-ziplist-value",
    "hll-sparse-max-bytes",
    "hz",
    "latency-monitor-threshold",
    "latency-tracking",
    "latency-tracking-info-percentiles",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "lfu-decay-time",
    "lfu-log-factor",
    "list-compress-depth",
    "list-max-listpack-size",
    "list-max-ziplist-size",
    "lua-time-limit",
    "maxmemory-eviction-tenacity",
    "rdbcompression",
    "sanitize-dump-payload",
    "set-max-intset-entries",
    "stop-writes-on-bgsave-error",
    "stream-node-max-bytes",
    "stream-node-max-entries",
    "tracking-table-max-keys",
    "zset-max-listpack-entries",
    "zset-max-ziplist-entries",
    "zset-max-ziplist-value",
];

const VALUES: [&str; 17] = [
    "yes",
    "NO",
    "clients",
    "maybe",
    "''",
    "0",
    "1",
    "-1",
    "-2",
    "7",
    "100",
    "101",
    "1001",
    "1kb",
    "99999999999",
    "9999999999999999999999",
    "'50 99.9'",
];

#[test]
fn what_clients_set_is_taken_within_the_bounds_of_redis_and_shown() {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    for name in KEPT {
        let mut request = format!("CONFIG GET {name}\r\n");
        for value in VALUES {
            request += &format!("CONFIG SET {name} {value}\r\nCONFIG GET {name}\r\n");
        }
        let expected = exchange(redis.address(), request.as_bytes());
        assert_eq!(exchange(hyrax.address(), request.as_bytes()), expected, "{name}");
    }
}

#[test]
fn settings_are_set_together_or_not_at_all_as_by_redis() {
    beside_redis(
        &[],
        [
            "CONFIG SET zset-max-ziplist-entries 5 zset-max-listpack-entries 6\r\nCONFIG GET zset-max-ziplist-entries\r\n",
            "CONFIG SET hz 20 lfu-log-factor x\r\nCONFIG GET hz\r\nCONFIG SET hz 20 nosuch 1\r\nCONFIG GET hz\r\n",
            "CONFIG SET hz 20 HZ 30\r\nCONFIG GET hz\r\nCONFIG SET HZ 30\r\nCONFIG GET hz\r\n",
            "CONFIG SET daemonize yes\r\nCONFIG SET cluster-enabled yes\r\nCONFIG SET databases 1\r\n",
            "CONFIG SET maxmemory-clients 200%\r\nCONFIG SET maxmemory-clients x\r\nCONFIG SET maxmemory-clients 0\r\n",
        ],
    );
}

#[test]
fn a_trim_by_whole_nodes_takes_what_it_takes_in_redis() {
    let entries: String = (1..=25).map(|number| format!("XADD s {number}-0 f v\r\n")).collect();
    beside_redis(
        &[],
        [("1", "0"), ("3", "4096"), ("0", "64"), ("100", "4096")].map(|(most, bytes)| {
            format!(
                "DEL s\r\nCONFIG SET stream-node-max-entries {most} stream-node-max-bytes {bytes}\r\n{entries}\
                 XTRIM s MAXLEN ~ 20\r\nXTRIM s MAXLEN ~ 10 LIMIT 4\r\nXTRIM s MINID ~ 22\r\nXLEN s\r\n"
            )
        }),
    );
}
