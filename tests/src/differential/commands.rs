//! The commands, in the notation of `syntax.rs`, each with how often it comes.
//!
//! They are the commands of Redis 7.0 that a live key knows, with all their options. What builds state comes
//! more often than what takes it away, or every key would be empty most of the time.

/// How often (in proportion), and the syntax.
pub type Weighted = (usize, &'static str);

/// All groups.
pub const GROUPS: [&[Weighted]; 6] = [KEYS, STRINGS, HASHES, LISTS, SETS, SORTED_SETS];

const KEYS: &[Weighted] = &[
    (2, "EXISTS { <key> }"),
    (3, "DEL <key>"),
    (1, "DEL { <key> }"),
    (2, "UNLINK <key>"),
    (1, "UNLINK { <key> }"),
    (3, "TYPE <key>"),
    (12, "EXPIRE <key> <seconds> [ NX | XX | GT | LT ]"),
    (2, "EXPIRE <key> <seconds> { NX | XX | GT | LT }"),
    (5, "PEXPIRE <key> <milliseconds> [ NX | XX | GT | LT ]"),
    (3, "EXPIREAT <key> <at-seconds> [ NX | XX | GT | LT ]"),
    (3, "PEXPIREAT <key> <at-milliseconds> [ NX | XX | GT | LT ]"),
    (3, "TTL <key>"),
    (3, "PTTL <key>"),
    (2, "EXPIRETIME <key>"),
    (2, "PEXPIRETIME <key>"),
    (2, "PERSIST <key>"),
    (1, "RENAME <key> <key>"),
    (1, "RENAMENX <key> <key>"),
    (3, "RENAME ( <string> <string> | <hash> <hash> | <list> <list> | <set> <set> | <zset> <zset> )"),
    (3, "RENAMENX ( <string> <string> | <hash> <hash> | <list> <list> | <set> <set> | <zset> <zset> )"),
    (2, "COPY <key> <key> %( [ DB <database> ] [ REPLACE ] )"),
    (
        4,
        "COPY ( <string> <string> | <hash> <hash> | <list> <list> | <set> <set> | <zset> <zset> ) \
         %( [ DB <database> ] [ REPLACE ] )",
    ),
    (2, "TOUCH { <key> }"),
    (1, "RANDOMKEY"),
    (2, "SCAN <cursor> %( [ MATCH <pattern> ] [ COUNT <scan-count> ] [ TYPE <type> ] )"),
    (2, "KEYS <pattern>"),
    (1, "DBSIZE"),
];

const STRINGS: &[Weighted] = &[
    (4, "GET <string>"),
    (6, "SET <string> <value>"),
    (
        6,
        "SET <string> <value> %( [ NX | XX ] [ GET ] \
         [ EX <seconds> | PX <milliseconds> | EXAT <at-seconds> | PXAT <at-milliseconds> | KEEPTTL ] )",
    ),
    (
        1,
        "SET <string> <value> { NX | XX | GET | KEEPTTL | EX <seconds> | PX <milliseconds> | EXAT <at-seconds> }",
    ),
    (4, "SET <number> <increment> [ EX <seconds> | KEEPTTL ]"),
    (1, "MSETNX { <number> <float> }"),
    (2, "SETNX <string> <value>"),
    (2, "SETEX <string> <seconds> <value>"),
    (2, "PSETEX <string> <milliseconds> <value>"),
    (2, "GETSET <string> <value>"),
    (2, "GETDEL <string>"),
    (
        4,
        "GETEX <string> [ EX <seconds> | PX <milliseconds> | EXAT <at-seconds> | PXAT <at-milliseconds> | PERSIST ]",
    ),
    (1, "GETEX <string> { EX <seconds> | PX <milliseconds> | PERSIST }"),
    (2, "MGET { <string> }"),
    (2, "MSET { <string> <value> }"),
    (2, "MSETNX { <string> <value> }"),
    (4, "APPEND <string> <value>"),
    (3, "STRLEN <string>"),
    (4, "GETRANGE <string> <index> <index>"),
    (1, "SUBSTR <string> <index> <index>"),
    (4, "SETRANGE <string> <byte-offset> <value>"),
    (6, "LCS <string> <string> %( [ LEN ] [ IDX ] [ MINMATCHLEN <increment> ] [ WITHMATCHLEN ] )"),
    (3, "INCR <number>"),
    (1, "INCR <string>"),
    (4, "INCRBY <number> <increment>"),
    (1, "INCRBY <string> <increment>"),
    (4, "INCRBYFLOAT <number> <float>"),
    (1, "INCRBYFLOAT <string> <float>"),
    (3, "DECR <number>"),
    (1, "DECR <string>"),
    (3, "DECRBY <number> <increment>"),
    (1, "DECRBY <string> <increment>"),
    (3, "GETBIT <string> <bit-offset>"),
    (4, "SETBIT <string> <bit-offset> <bit>"),
    (4, "BITCOUNT <string> [ <index> <index> [ BYTE | BIT ] ]"),
    (4, "BITPOS <string> <bit> [ <index> [ <index> [ BYTE | BIT ] ] ]"),
    (4, "BITOP ( AND | OR | XOR ) <string> { <string> }"),
    (1, "BITOP NOT <string> <string>"),
];

const HASHES: &[Weighted] = &[
    (10, "HSET <hash> { <field> <value> }"),
    (2, "HSETNX <hash> <field> <value>"),
    (2, "HMSET <hash> { <field> <value> }"),
    (3, "HGET <hash> <field>"),
    (3, "HMGET <hash> { <field> }"),
    (4, "HINCRBY <hash> <field> <increment>"),
    (4, "HSET <hash> <field> <increment>"),
    (4, "HINCRBYFLOAT <hash> <field> <float>"),
    (3, "HDEL <hash> { <field> }"),
    (2, "HLEN <hash>"),
    (2, "HSTRLEN <hash> <field>"),
    (2, "HKEYS <hash>"),
    (2, "HVALS <hash>"),
    (3, "HGETALL <hash>"),
    (2, "HEXISTS <hash> <field>"),
    (3, "HRANDFIELD <hash> [ <sample> [ WITHVALUES ] ]"),
    (2, "HSCAN <hash> <cursor> %( [ MATCH <pattern> ] [ COUNT <scan-count> ] )"),
];

const LISTS: &[Weighted] = &[
    (9, "LPUSH <list> { <value> }"),
    (9, "RPUSH <list> { <value> }"),
    (2, "LPUSHX <list> { <value> }"),
    (2, "RPUSHX <list> { <value> }"),
    (3, "LINSERT <list> ( BEFORE | AFTER ) <value> <value>"),
    (2, "LLEN <list>"),
    (3, "LINDEX <list> <index>"),
    (3, "LSET <list> <index> <value>"),
    (3, "LPOP <list> [ <count> ]"),
    (3, "RPOP <list> [ <count> ]"),
    (3, "LRANGE <list> <index> <index>"),
    (1, "LTRIM <list> <index> <index>"),
    (5, "LPOS <list> <value> %( [ RANK <increment> ] [ COUNT <count> ] [ MAXLEN <count> ] )"),
    (3, "LREM <list> <increment> <value>"),
    (2, "RPOPLPUSH <list> <list>"),
    (4, "LMOVE <list> <list> ( LEFT | RIGHT ) ( LEFT | RIGHT )"),
    (3, "LMPOP #{ <list> } ( LEFT | RIGHT ) [ COUNT <count> ]"),
];

const SETS: &[Weighted] = &[
    (16, "SADD <set> { <member> }"),
    (4, "SREM <set> { <member> }"),
    (3, "SMOVE <set> <set> <member>"),
    (2, "SISMEMBER <set> <member>"),
    (2, "SMISMEMBER <set> { <member> }"),
    (2, "SCARD <set>"),
    (3, "SMEMBERS <set>"),
    (3, "SPOP <set> [ <count> ]"),
    (3, "SRANDMEMBER <set> [ <sample> ]"),
    (3, "SINTER { <set> }"),
    (3, "SINTERCARD #{ <set> } [ LIMIT <count> ]"),
    (3, "SINTERSTORE <set> { <set> }"),
    (3, "SUNION { <set> }"),
    (3, "SUNIONSTORE <set> { <set> }"),
    (3, "SDIFF { <set> }"),
    (3, "SDIFFSTORE <set> { <set> }"),
    (2, "SSCAN <set> <cursor> %( [ MATCH <pattern> ] [ COUNT <scan-count> ] )"),
];

const SORTED_SETS: &[Weighted] = &[
    (16, "ZADD <zset> { <score> <member> }"),
    (10, "ZADD <lexset> { 0 <member> }"),
    (5, "ZADD <zset> %( [ NX | XX ] [ GT | LT ] [ CH ] ) { <score> <member> }"),
    (2, "ZADD <zset> %( [ NX | XX | GT | LT ] [ CH ] INCR ) <score> <member>"),
    (4, "ZINCRBY <zset> <score> <member>"),
    (3, "ZREM <zset> { <member> }"),
    (1, "ZREM <lexset> { <member> }"),
    (1, "ZREMRANGEBYSCORE <zset> <min-score> <max-score>"),
    (1, "ZREMRANGEBYRANK <zset> <index> <index>"),
    (1, "ZREMRANGEBYLEX <lexset> <min-lex> <max-lex>"),
    (2, "ZCARD <zset>"),
    (3, "ZSCORE <zset> <member>"),
    (3, "ZMSCORE <zset> { <member> }"),
    (3, "ZRANK <zset> <member>"),
    (3, "ZREVRANK <zset> <member>"),
    (3, "ZCOUNT <zset> <min-score> <max-score>"),
    (3, "ZLEXCOUNT <lexset> <min-lex> <max-lex>"),
    (3, "ZRANGE <zset> <index> <index> %( [ REV ] [ WITHSCORES ] )"),
    (4, "ZRANGE <zset> <min-score> <max-score> %( BYSCORE [ LIMIT <index> <increment> ] [ WITHSCORES ] )"),
    (
        3,
        "ZRANGE <zset> <max-score> <min-score> %( BYSCORE REV [ LIMIT <index> <increment> ] [ WITHSCORES ] )",
    ),
    (4, "ZRANGE <lexset> <min-lex> <max-lex> %( BYLEX [ LIMIT <index> <increment> ] )"),
    (3, "ZRANGE <lexset> <max-lex> <min-lex> %( BYLEX REV [ LIMIT <index> <increment> ] )"),
    (
        1,
        "ZRANGE <lexset> <min-lex> <max-lex> { BYLEX | BYSCORE | REV | WITHSCORES | LIMIT <index> <increment> }",
    ),
    (2, "ZRANGESTORE <zset> <zset> <index> <index> [ REV ]"),
    (
        3,
        "ZRANGESTORE <zset> <zset> <min-score> <max-score> %( BYSCORE [ REV ] [ LIMIT <index> <increment> ] )",
    ),
    (3, "ZRANGESTORE <lexset> <lexset> <min-lex> <max-lex> %( BYLEX [ REV ] [ LIMIT <index> <increment> ] )"),
    (2, "ZREVRANGE <zset> <index> <index> [ WITHSCORES ]"),
    (3, "ZRANGEBYSCORE <zset> <min-score> <max-score> %( [ WITHSCORES ] [ LIMIT <index> <increment> ] )"),
    (3, "ZREVRANGEBYSCORE <zset> <max-score> <min-score> %( [ WITHSCORES ] [ LIMIT <index> <increment> ] )"),
    (3, "ZRANGEBYLEX <lexset> <min-lex> <max-lex> [ LIMIT <index> <increment> ]"),
    (3, "ZREVRANGEBYLEX <lexset> <max-lex> <min-lex> [ LIMIT <index> <increment> ]"),
    (3, "ZPOPMIN <zset> [ <count> ]"),
    (3, "ZPOPMAX <zset> [ <count> ]"),
    (3, "ZMPOP #{ <zset> } ( MIN | MAX ) [ COUNT <count> ]"),
    (3, "ZRANDMEMBER <zset> [ <sample> [ WITHSCORES ] ]"),
    (2, "ZSCAN <zset> <cursor> %( [ MATCH <pattern> ] [ COUNT <scan-count> ] )"),
    (
        4,
        "ZUNION #{ <weighable> } \
         %( [ WEIGHTS ={ <weight> } ] [ AGGREGATE ( SUM | MIN | MAX ) ] [ WITHSCORES ] )",
    ),
    (
        4,
        "ZINTER #{ <weighable> } \
         %( [ WEIGHTS ={ <weight> } ] [ AGGREGATE ( SUM | MIN | MAX ) ] [ WITHSCORES ] )",
    ),
    (3, "ZDIFF #{ <weighable> } [ WITHSCORES ]"),
    (
        4,
        "ZUNIONSTORE <zset> #{ <weighable> } \
         %( [ WEIGHTS ={ <weight> } ] [ AGGREGATE ( SUM | MIN | MAX ) ] )",
    ),
    (
        4,
        "ZINTERSTORE <zset> #{ <weighable> } \
         %( [ WEIGHTS ={ <weight> } ] [ AGGREGATE ( SUM | MIN | MAX ) ] )",
    ),
    (3, "ZDIFFSTORE <zset> #{ <weighable> }"),
    (3, "ZINTERCARD #{ <weighable> } [ LIMIT <count> ]"),
];
