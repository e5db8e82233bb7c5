//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`.

use crate::script::beside_redis;

#[test]
fn transactions_run_as_in_redis() {
    beside_redis(
        "
a MULTI
a SET k 1
a INCR k
a LPUSH l a b
a LRANGE l 0 -1
a HSET h f v
a HGETALL h
a ZADD z 1.5 m
a ZSCORE z m
a SPOP none 2
a EXEC
a GET k

a EXEC
a DISCARD
a UNWATCH
a MULTI
a EXEC

a MULTI
a MULTI
a SET k 1
a EXEC

a MULTI
a WATCH k
a SET k 1
a EXEC

a MULTI
a SET k
a SET k 1
a EXEC
a EXISTS k

a MULTI
a NOSUCH k
a EXEC
a EXEC

a SET k word
a MULTI
a INCR k
a LPUSH k a
a RENAME none other
a HINCRBY k f 1
a SET k 1
a EXEC
a GET k

a MULTI
a SET k 1
b GET k
a DISCARD
a GET k

a MSET k1 1 k2 2
a MULTI
a DBSIZE
a DEL k1
a KEYS *
a EXISTS k1 k2
a SCAN 0 COUNT 1000
a RANDOMKEY
a EXEC

a MULTI
a PING
a ECHO hello
a SELECT 0
a CLIENT ID x
a EXEC

a MULTI
a BLPOP l 0
a BLMOVE l m LEFT LEFT 0
a BRPOPLPUSH l m 0
a BLMPOP 0 1 l LEFT
a BZPOPMIN z 0
a BZMPOP 0 1 z MIN
a RPUSH l a
a BRPOP l 0
a BLPOP l -1
a EXEC

a MULTI
a SET k 1 PX 1000000
a PEXPIRE k 0
a EXISTS k
a SETEX k 1000 v
a PERSIST k
a EXEC

a MULTI
a SET k 1
a RESET
a EXEC
a GET k
",
    );
}

#[test]
fn watched_keys_are_those_of_redis() {
    beside_redis(
        "
a SET k 1
a WATCH k
b SET k 2
a MULTI
a SET k 3
a EXEC
a GET k

a SET k 1
a WATCH k
a SET k 2
a MULTI
a GET k
a EXEC

a SET k 1
a WATCH k
b SET other 2
b GET k
b SETNX k 5
b LPUSH k x
a MULTI
a GET k
a EXEC

a WATCH k k
b DEL k
a MULTI
a GET k
a EXEC

a WATCH k
b SET k 1
b DEL k
a MULTI
a EXEC

a SET k 1
a WATCH k
b PEXPIRE k 1000000
a MULTI
a EXEC
a MULTI
a GET k
a EXEC

a SET k 1
a WATCH k
b SET k 2
a UNWATCH
a MULTI
a GET k
a EXEC

a SET k 1
a WATCH k
b SET k 2
a MULTI
a DISCARD
a MULTI
a GET k
a EXEC

a WATCH k
b SET k 2
a MULTI
a NOSUCH
a EXEC
a MULTI
a GET k
a EXEC

a SET k 1 PX 300
a WATCH k
pause 400
a MULTI
a EXISTS k
a EXEC

a SET k 1 PX 30
pause 60
a WATCH k
a MULTI
a EXISTS k
a EXEC

a SET k 1 PX 30
pause 60
a WATCH k
b SET k 2
a MULTI
a EXISTS k
a EXEC

a SET k 1
a WATCH k nosuch
b FLUSHALL
a MULTI
a EXEC

a WATCH nosuch
b SET k 1
b FLUSHALL
a MULTI
a PING
a EXEC

a WATCH k
b SET k 1
b FLUSHDB ASYNC
a MULTI
a PING
a EXEC

a SET k 1
a WATCH k
a MULTI
a FLUSHALL
a SET k 2
a DBSIZE
a EXEC
a MULTI
a GET k
a EXEC

a SET k 1
a WATCH k
a FLUSHALL
a MULTI
a GET k
a EXEC

a WATCH dst
b SADD src x
b SUNIONSTORE dst src
a MULTI
a EXEC

a SADD s x
a WATCH s
b SADD s x
b SREM s y
b SMOVE s t y
a MULTI
a SCARD s
a EXEC

a RPUSH l x
a WATCH l m
b> BLMOVE none m LEFT RIGHT 0
c RPUSH none x
b<
a MULTI
a EXEC

a SET k 1
a WATCH k
a RESET
b SET k 2
a MULTI
a GET k
a EXEC
",
    );
}
