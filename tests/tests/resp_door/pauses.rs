//! What a pause holds, and what it leaves as it is.

use crate::script::beside_redis;

#[test]
fn a_pause_of_writes_holds_all_that_reaches_others() {
    beside_redis(
        "
a SET k 1
a PFADD h x
a CLIENT PAUSE 1000000 WRITE
b GET k
b PING
b> SET k 2
c> PFCOUNT h
d> PUBLISH channel message
e> SPUBLISH channel message
a CLIENT UNPAUSE
b<
c<
d<
e<
a GET k

c MULTI
c PUBLISH channel message
d MULTI
d PFCOUNT h
a CLIENT PAUSE 1000000 WRITE
b MULTI
b GET k
b PING
b EXEC
c> EXEC
d> EXEC
a CLIENT UNPAUSE
c<
d<
",
    );
}

#[test]
fn a_key_whose_time_comes_during_a_pause_is_kept_but_not_seen() {
    beside_redis(
        "
b MULTI
b SET k v PX 20
b CLIENT PAUSE 1000000 WRITE
b EXEC
pause 100
b GET k
b EXISTS k
b TYPE k
b TTL k
b DBSIZE
b CLIENT UNPAUSE
b GET k
b DBSIZE
",
    );
}
