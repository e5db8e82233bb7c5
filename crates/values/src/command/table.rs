//! The table of commands.

use super::keys::Place::{At, Counted, From, Named, Patterns, Streams};
use super::{Command, KeySpec, Options};

const READ_1: &[KeySpec] = &[KeySpec::read(At(1))];
const WRITE_1: &[KeySpec] = &[KeySpec::write(At(1))];
const READ_ALL: &[KeySpec] = &[KeySpec::read(From { first: 1, step: 1, spare: 0 })];
const WRITE_ALL: &[KeySpec] = &[KeySpec::write(From { first: 1, step: 1, spare: 0 })];
const WRITE_EVERY_OTHER: &[KeySpec] = &[KeySpec::write(From { first: 1, step: 2, spare: 0 })];
const WRITE_1_WRITE_2: &[KeySpec] = &[KeySpec::write(At(1)), KeySpec::write(At(2))];
const READ_1_WRITE_2: &[KeySpec] = &[KeySpec::read(At(1)), KeySpec::write(At(2))];
const WRITE_1_READ_2: &[KeySpec] = &[KeySpec::write(At(1)), KeySpec::read(At(2))];
const READ_1_READ_2: &[KeySpec] = &[KeySpec::read(At(1)), KeySpec::read(At(2))];
const WRITE_1_READ_REST: &[KeySpec] =
    &[KeySpec::write(At(1)), KeySpec::read(From { first: 2, step: 1, spare: 0 })];
const WRITE_2_READ_REST: &[KeySpec] =
    &[KeySpec::write(At(2)), KeySpec::read(From { first: 3, step: 1, spare: 0 })];
const READ_COUNTED_1: &[KeySpec] = &[KeySpec::read(Counted(1))];
const WRITE_COUNTED_1: &[KeySpec] = &[KeySpec::write(Counted(1))];
const WRITE_COUNTED_2: &[KeySpec] = &[KeySpec::write(Counted(2))];
const WRITE_ALL_BUT_LAST: &[KeySpec] = &[KeySpec::write(From { first: 1, step: 1, spare: 1 })];
const WRITE_1_READ_COUNTED_2: &[KeySpec] = &[KeySpec::write(At(1)), KeySpec::read(Counted(2))];
/// `SORT` with its patterns, and where it stores.
const SORTED: &[KeySpec] = &[
    KeySpec::read(At(1)),
    KeySpec::read(Patterns),
    KeySpec::write(Named(Options {
        from: 2,
        names: &["store"],
        others: &[("by", 1), ("get", 1), ("limit", 2)],
    })),
];
const SORTED_READ: &[KeySpec] = &[KeySpec::read(At(1)), KeySpec::read(Patterns)];
const READ_1_STORE: &[KeySpec] = &[
    KeySpec::read(At(1)),
    KeySpec::write(Named(Options { from: 5, names: &["store", "storedist"], others: &[] })),
];
const READ_2: &[KeySpec] = &[KeySpec::read(At(2))];
const WRITE_2: &[KeySpec] = &[KeySpec::write(At(2))];
const READ_STREAMS: &[KeySpec] = &[KeySpec::read(Streams)];
const WRITE_STREAMS: &[KeySpec] = &[KeySpec::write(Streams)];
const NO_KEYS: &[KeySpec] = &[];

/// Declares the commands: variant, name, arity, flags, keys. The flags are `w` writes, `g` grows
/// (denied when memory is full), `f` fast.
macro_rules! commands {
    ($($id:ident $name:literal $arity:literal $flags:literal $keys:ident;)*) => {
        /// A command by name.
        #[allow(missing_docs)] // Each is the Redis command of that name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Name { $($id),* }

        /// Every command, in the order of [`Name`].
        pub static COMMANDS: &[Command] = &[$(Command {
            id: Name::$id,
            name: $name,
            arity: $arity,
            writes: has_flag($flags, b'w'),
            grows: has_flag($flags, b'g'),
            fast: has_flag($flags, b'f'),
            keys: $keys,
        }),*];
    };
}

const fn has_flag(flags: &str, flag: u8) -> bool {
    let flags = flags.as_bytes();
    let mut i = 0;
    while i < flags.len() {
        if flags[i] == flag {
            return true;
        }
        i += 1;
    }
    false
}

commands! {
    // Keys of any type.
    Copy "copy" -3 "wg" READ_1_WRITE_2;
    Dbsize "dbsize" 1 "f" NO_KEYS;
    Del "del" -2 "w" WRITE_ALL;
    Dump "dump" 2 "" READ_1;
    Exists "exists" -2 "f" READ_ALL;
    Expire "expire" -3 "wf" WRITE_1;
    Expireat "expireat" -3 "wf" WRITE_1;
    Expiretime "expiretime" 2 "f" READ_1;
    Flushall "flushall" -1 "w" NO_KEYS;
    Flushdb "flushdb" -1 "w" NO_KEYS;
    Keys "keys" 2 "" NO_KEYS;
    Memory "memory" -2 "" READ_2;
    Move "move" 3 "wf" WRITE_1;
    Object "object" -2 "" READ_2;
    Persist "persist" 2 "wf" WRITE_1;
    Pexpire "pexpire" -3 "wf" WRITE_1;
    Pexpireat "pexpireat" -3 "wf" WRITE_1;
    Pexpiretime "pexpiretime" 2 "f" READ_1;
    Pttl "pttl" 2 "f" READ_1;
    Randomkey "randomkey" 1 "" NO_KEYS;
    Rename "rename" 3 "w" WRITE_1_WRITE_2;
    Renamenx "renamenx" 3 "wf" WRITE_1_WRITE_2;
    Restore "restore" -4 "wg" WRITE_1;
    Scan "scan" -2 "" NO_KEYS;
    Sort "sort" -2 "wg" SORTED;
    SortRo "sort_ro" -2 "" SORTED_READ;
    Swapdb "swapdb" 3 "wf" NO_KEYS;
    Touch "touch" -2 "f" READ_ALL;
    Ttl "ttl" 2 "f" READ_1;
    Type "type" 2 "f" READ_1;
    Unlink "unlink" -2 "wf" WRITE_ALL;

    // Strings.
    Append "append" 3 "wgf" WRITE_1;
    Decr "decr" 2 "wgf" WRITE_1;
    Decrby "decrby" 3 "wgf" WRITE_1;
    Get "get" 2 "f" READ_1;
    Getdel "getdel" 2 "wf" WRITE_1;
    Getex "getex" -2 "wf" WRITE_1;
    Getrange "getrange" 4 "" READ_1;
    Getset "getset" 3 "wgf" WRITE_1;
    Incr "incr" 2 "wgf" WRITE_1;
    Incrby "incrby" 3 "wgf" WRITE_1;
    Incrbyfloat "incrbyfloat" 3 "wgf" WRITE_1;
    Mget "mget" -2 "f" READ_ALL;
    Mset "mset" -3 "wg" WRITE_EVERY_OTHER;
    Msetnx "msetnx" -3 "wg" WRITE_EVERY_OTHER;
    Psetex "psetex" 4 "wg" WRITE_1;
    Set "set" -3 "wg" WRITE_1;
    Setex "setex" 4 "wg" WRITE_1;
    Setnx "setnx" 3 "wgf" WRITE_1;
    Setrange "setrange" 4 "wg" WRITE_1;
    Strlen "strlen" 2 "f" READ_1;
    Substr "substr" 4 "" READ_1;

    // Bits of strings.
    Bitfield "bitfield" -2 "wg" WRITE_1;
    BitfieldRo "bitfield_ro" -2 "f" READ_1;
    Bitcount "bitcount" -2 "" READ_1;
    Bitop "bitop" -4 "wg" WRITE_2_READ_REST;
    Bitpos "bitpos" -3 "" READ_1;
    Getbit "getbit" 3 "f" READ_1;
    Setbit "setbit" 4 "wg" WRITE_1;

    // Hashes.
    Hdel "hdel" -3 "wf" WRITE_1;
    Hexists "hexists" 3 "f" READ_1;
    Hget "hget" 3 "f" READ_1;
    Hgetall "hgetall" 2 "" READ_1;
    Hincrby "hincrby" 4 "wgf" WRITE_1;
    Hincrbyfloat "hincrbyfloat" 4 "wgf" WRITE_1;
    Hkeys "hkeys" 2 "" READ_1;
    Hlen "hlen" 2 "f" READ_1;
    Hmget "hmget" -3 "f" READ_1;
    Hmset "hmset" -4 "wgf" WRITE_1;
    Hrandfield "hrandfield" -2 "" READ_1;
    Hscan "hscan" -3 "" READ_1;
    Hset "hset" -4 "wgf" WRITE_1;
    Hsetnx "hsetnx" 4 "wgf" WRITE_1;
    Hstrlen "hstrlen" 3 "f" READ_1;
    Hvals "hvals" 2 "" READ_1;

    // Lists.
    Blmove "blmove" 6 "wg" WRITE_1_WRITE_2;
    Blmpop "blmpop" -5 "w" WRITE_COUNTED_2;
    Blpop "blpop" -3 "w" WRITE_ALL_BUT_LAST;
    Brpop "brpop" -3 "w" WRITE_ALL_BUT_LAST;
    Brpoplpush "brpoplpush" 4 "wg" WRITE_1_WRITE_2;
    Lindex "lindex" 3 "" READ_1;
    Linsert "linsert" 5 "wg" WRITE_1;
    Llen "llen" 2 "f" READ_1;
    Lmove "lmove" 5 "wg" WRITE_1_WRITE_2;
    Lmpop "lmpop" -4 "w" WRITE_COUNTED_1;
    Lpop "lpop" -2 "wf" WRITE_1;
    Lpos "lpos" -3 "" READ_1;
    Lpush "lpush" -3 "wgf" WRITE_1;
    Lpushx "lpushx" -3 "wgf" WRITE_1;
    Lrange "lrange" 4 "" READ_1;
    Lrem "lrem" 4 "w" WRITE_1;
    Lset "lset" 4 "wg" WRITE_1;
    Ltrim "ltrim" 4 "w" WRITE_1;
    Rpop "rpop" -2 "wf" WRITE_1;
    Rpoplpush "rpoplpush" 3 "wg" WRITE_1_WRITE_2;
    Rpush "rpush" -3 "wgf" WRITE_1;
    Rpushx "rpushx" -3 "wgf" WRITE_1;

    // Sets.
    Sadd "sadd" -3 "wgf" WRITE_1;
    Scard "scard" 2 "f" READ_1;
    Sdiff "sdiff" -2 "" READ_ALL;
    Sdiffstore "sdiffstore" -3 "wg" WRITE_1_READ_REST;
    Sinter "sinter" -2 "" READ_ALL;
    Sintercard "sintercard" -3 "" READ_COUNTED_1;
    Sinterstore "sinterstore" -3 "wg" WRITE_1_READ_REST;
    Sismember "sismember" 3 "f" READ_1;
    Smembers "smembers" 2 "" READ_1;
    Smismember "smismember" -3 "f" READ_1;
    Smove "smove" 4 "wf" WRITE_1_WRITE_2;
    Spop "spop" -2 "wf" WRITE_1;
    Srandmember "srandmember" -2 "" READ_1;
    Srem "srem" -3 "wf" WRITE_1;
    Sscan "sscan" -3 "" READ_1;
    Sunion "sunion" -2 "" READ_ALL;
    Sunionstore "sunionstore" -3 "wg" WRITE_1_READ_REST;

    // Sorted sets.
    Bzmpop "bzmpop" -5 "w" WRITE_COUNTED_2;
    Bzpopmax "bzpopmax" -3 "wf" WRITE_ALL_BUT_LAST;
    Bzpopmin "bzpopmin" -3 "wf" WRITE_ALL_BUT_LAST;
    Zadd "zadd" -4 "wgf" WRITE_1;
    Zcard "zcard" 2 "f" READ_1;
    Zcount "zcount" 4 "f" READ_1;
    Zdiff "zdiff" -3 "" READ_COUNTED_1;
    Zdiffstore "zdiffstore" -4 "wg" WRITE_1_READ_COUNTED_2;
    Zincrby "zincrby" 4 "wgf" WRITE_1;
    Zinter "zinter" -3 "" READ_COUNTED_1;
    Zintercard "zintercard" -3 "" READ_COUNTED_1;
    Zinterstore "zinterstore" -4 "wg" WRITE_1_READ_COUNTED_2;
    Zlexcount "zlexcount" 4 "f" READ_1;
    Zmpop "zmpop" -4 "w" WRITE_COUNTED_1;
    Zmscore "zmscore" -3 "f" READ_1;
    Zpopmax "zpopmax" -2 "wf" WRITE_1;
    Zpopmin "zpopmin" -2 "wf" WRITE_1;
    Zrandmember "zrandmember" -2 "" READ_1;
    Zrange "zrange" -4 "" READ_1;
    Zrangebylex "zrangebylex" -4 "" READ_1;
    Zrangebyscore "zrangebyscore" -4 "" READ_1;
    Zrangestore "zrangestore" -5 "wg" WRITE_1_READ_2;
    Zrank "zrank" 3 "f" READ_1;
    Zrem "zrem" -3 "wf" WRITE_1;
    Zremrangebylex "zremrangebylex" 4 "w" WRITE_1;
    Zremrangebyrank "zremrangebyrank" 4 "w" WRITE_1;
    Zremrangebyscore "zremrangebyscore" 4 "w" WRITE_1;
    Zrevrange "zrevrange" -4 "" READ_1;
    Zrevrangebylex "zrevrangebylex" -4 "" READ_1;
    Zrevrangebyscore "zrevrangebyscore" -4 "" READ_1;
    Zrevrank "zrevrank" 3 "f" READ_1;
    Zscan "zscan" -3 "" READ_1;
    Zscore "zscore" 3 "f" READ_1;
    Zunion "zunion" -3 "" READ_COUNTED_1;
    Zunionstore "zunionstore" -4 "wg" WRITE_1_READ_COUNTED_2;

    // Places on the earth, in sorted sets.
    Geoadd "geoadd" -5 "wg" WRITE_1;
    Geodist "geodist" -4 "" READ_1;
    Geohash "geohash" -2 "" READ_1;
    Geopos "geopos" -2 "" READ_1;
    Georadius "georadius" -6 "wg" READ_1_STORE;
    GeoradiusRo "georadius_ro" -6 "" READ_1;
    Georadiusbymember "georadiusbymember" -5 "wg" READ_1_STORE;
    GeoradiusbymemberRo "georadiusbymember_ro" -5 "" READ_1;
    Geosearch "geosearch" -7 "" READ_1;
    Geosearchstore "geosearchstore" -8 "wg" WRITE_1_READ_2;

    // HyperLogLogs, in strings. A count that was estimated is kept in them.
    Pfadd "pfadd" -2 "wgf" WRITE_1;
    Pfcount "pfcount" -2 "" WRITE_ALL;
    Pfmerge "pfmerge" -2 "wg" WRITE_1_READ_REST;
    // Streams.
    Xack "xack" -4 "wf" WRITE_1;
    Xadd "xadd" -5 "wgf" WRITE_1;
    Xautoclaim "xautoclaim" -6 "wf" WRITE_1;
    Xclaim "xclaim" -6 "wf" WRITE_1;
    Xdel "xdel" -3 "wf" WRITE_1;
    Xgroup "xgroup" -2 "wg" WRITE_2;
    Xinfo "xinfo" -2 "" READ_2;
    Xlen "xlen" 2 "f" READ_1;
    Xpending "xpending" -3 "" READ_1;
    Xrange "xrange" -4 "" READ_1;
    Xread "xread" -4 "" READ_STREAMS;
    Xreadgroup "xreadgroup" -7 "w" WRITE_STREAMS;
    Xrevrange "xrevrange" -4 "" READ_1;
    Xsetid "xsetid" -3 "wgf" WRITE_1;
    Xtrim "xtrim" -4 "w" WRITE_1;

    // Longest common subsequence of two strings.
    Lcs "lcs" -3 "" READ_1_READ_2;
}
