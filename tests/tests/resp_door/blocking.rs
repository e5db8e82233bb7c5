//! Commands that wait.

use std::time::Duration;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Resp, RespClient, words};

use crate::script::beside_redis;

#[test]
fn lists_are_waited_for_as_in_redis() {
    beside_redis(
        "
a> BLPOP l 0
b> BRPOP l m 0
c> BLMPOP 0 2 m l LEFT COUNT 2
d RPUSH l 1 2 3 4
a<
b<
c<
d EXISTS l

a> BLMOVE l m RIGHT LEFT 0
b RPUSH l x y
a<
b LRANGE l 0 -1
b LRANGE m 0 -1

c> BLPOP n 0
b> BRPOPLPUSH m n 0
a> BLMOVE l m LEFT RIGHT 0
d LPUSH l x
a<
b<
c<
d DBSIZE

a> BRPOPLPUSH l l 0
b> BRPOPLPUSH l l 0
c> BLPOP l 0
d RPUSH l x y
a<
b<
c<
d LRANGE l 0 -1

d SET s 1
a> BLMOVE l s LEFT RIGHT 0
b> BLPOP l 0
d RPUSH l x
a<
b<

a> BLPOP k 0
b> BZPOPMIN k 0
d SET k 1
d DEL k
d SADD k x
d DEL k
d ZADD k 1 x
b<
d RPUSH l x y
d RENAME l k
a<
d LRANGE k 0 -1

a> BLPOP a b c 0
d MULTI
d RPUSH c 1
d RPUSH a 2
d EXEC
a<
d LRANGE a 0 -1

a> BLPOP l 0
d MULTI
d RPUSH l x
d DEL l
d EXEC
d MULTI
d RPUSH l x
d LPUSH l y
d LLEN l
d EXEC
a<
d LRANGE l 0 -1

a> BLPOP l l l 0
d RPUSH l x y
a<
d LLEN l

a> BRPOP l 0
d RPUSH from x y
d COPY from l
a<
b> BRPOP n m 0
d LMOVE from m LEFT LEFT
b<
a> BLPOP m 0
d LINSERT m BEFORE x y
d RPUSHX m x
d RPUSH m z
a<
",
    );
}

#[test]
fn sorted_sets_are_waited_for_as_in_redis() {
    beside_redis(
        "
a> BZPOPMIN z 0
b> BZPOPMAX y z 0
c> BZMPOP 0 1 z MAX COUNT 2
d ZADD z 1.5 a 2 b 3 c 4 d inf e
a<
b<
c<
d ZRANGE z 0 -1 WITHSCORES

a> BZPOPMIN y 0
d ZADD z 1 a 2 b
d ZUNIONSTORE y 1 z
a<
b> BZPOPMAX x 0
d ZRANGESTORE x z 0 -1
b<
c> BZPOPMAX w 0
d ZINCRBY w 3 m
c<
d DBSIZE

a> BZMPOP 0 2 a b MIN
d MULTI
d ZADD b 1 x
d ZADD a 1 y
d EXEC
a<
",
    );
}

#[test]
fn refusals_and_what_is_there_already_are_those_of_redis() {
    beside_redis(
        "
a BLPOP l -1
a BLPOP l x
a BLPOP l inf
a BLPOP l 1e30
a BLPOP l
a BLMOVE a b UP LEFT 0
a BLMOVE a b LEFT LEFT x
a BRPOPLPUSH a b -1
a BLMPOP 0 0 l LEFT
a BLMPOP 0 2 l LEFT
a BLMPOP x 1 l LEFT
a BLMPOP 0 1 l LEFT COUNT 0
a BZPOPMIN z x
a BZMPOP 0 1 z LEFT
a SET s 1
a BLPOP l s 0
a BZPOPMAX s 0
a BLMOVE s l LEFT LEFT 0
a BLMPOP 0 1 s LEFT

a RPUSH l 1 2 3 4 5 6 7
a BLPOP none l 0
a BRPOP l 0
a BLMOVE l m LEFT RIGHT 0
a BRPOPLPUSH l m 0
a BLMPOP 0 2 none l RIGHT COUNT 2
a BLMOVE m m LEFT RIGHT 0
a LRANGE m 0 -1
a SET s 1
a BLMOVE m s LEFT LEFT 0
a ZADD z 1 a 2.5 b 3 c 4 d
a BZPOPMIN none z 0
a BZPOPMAX z 0
a BZMPOP 0 1 z MAX COUNT 9
",
    );
}

#[test]
fn who_waited_long_enough_or_is_let_go_gets_nothing() {
    beside_redis(
        "
a BLPOP l 0.01
a BLMOVE l m LEFT LEFT 0.01
a BRPOPLPUSH l m 0.01
a BLMPOP 0.01 1 l LEFT
a BZPOPMIN z 0.01
a BZMPOP 0.01 1 z MIN
b RPUSH l x
b LLEN l

a> BLPOP l 0
b CLIENT UNBLOCK <a>
a<
b CLIENT UNBLOCK <a>
a> BLPOP l 0
b CLIENT UNBLOCK <a> ERROR
a<
a> BLMOVE l m LEFT LEFT 0
b CLIENT UNBLOCK <a> TIMEOUT
a<
b RPUSH l x
a LLEN l

a> BLPOP l 0
a closes
b RPUSH l x
b LLEN l

a> BLPOP l 0
b CLIENT KILL ID <a>
pause 20
b RPUSH l x
b LLEN l
",
    );
}

/// Redis leaves a client waiting when its key is overwritten by what it waits for, and gives that to whoever asks
/// next. Here nobody waits where there is something.
#[test]
fn a_key_that_is_overwritten_serves_too() {
    let hyrax = Hyrax::start(&[]);
    let (mut waits, mut other) = (RespClient::connect(hyrax.address()), RespClient::connect(hyrax.address()));
    other.run(&words("RPUSH k x"));
    other.run(&words("ZADD from 1 m"));
    waits.send_raw(b"BZPOPMIN gone k 0\r\nPING\r\n").unwrap();
    let refusal = waits.read().unwrap();
    assert!(refusal.is_error(), "a list is no sorted set: {refusal:?}");
    other.run(&words("DEL k"));
    waits.send_raw(b"BZPOPMIN gone k 0\r\n").unwrap();
    assert_eq!(waits.read().unwrap(), Resp::simple("PONG"));
    assert!(!waits.has_reply(Duration::from_millis(100)));
    other.run(&words("RPUSH k x"));
    other.run(&words("ZUNIONSTORE k 1 from"));
    let served = waits.read().unwrap();
    assert_eq!(served.elements().map(<[Resp]>::len), Some(3), "{served:?}");
}

/// What a client sends after a command that waits is answered after it.
#[test]
fn a_pipeline_goes_on_when_its_command_has_waited() {
    beside_redis(
        "
a> BLPOP l 0\\r\\nRPUSH l y\\r\\nLPOP l\\r\\nBLPOP l 0
b RPUSH l x
a<
a<
a<
b RPUSH l z
a<
",
    );
}
