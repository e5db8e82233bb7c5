//! What commands answer: calls and replies, as redis-server 7.0.15 has them.
//!
//! Each paragraph begins with an empty engine. Maps and sets are in braces, in the order of their
//! text; pairs and arrays in brackets.

use super::text::in_order;
use super::{Driver, Make, show};

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    for family in [KEYS, STRINGS, HASHES, LISTS, SETS, SORTED_SETS] {
        check(make, family);
    }
}

fn check(make: Make<'_>, family: &str) {
    for paragraph in family.trim().split("\n\n") {
        let driver = Driver(make());
        for line in paragraph.lines() {
            let (call, reply) = line.split_once(" -> ").expect("a call and its reply");
            let shown = show(&in_order(driver.run(call)));
            let shown = if shown.is_empty() { "''" } else { shown.trim_end() };
            assert_eq!(shown, reply, "{call}");
        }
    }
}

/// Keys of any kind.
pub const KEYS: &str = "
exists a -> 0
set a 1 -> OK
exists a a none -> 2
type a -> string
type none -> none
del a none -> 1
unlink a -> 0
touch a -> 0

set a 1 -> OK
ttl a -> -1
pttl none -> -2
pexpire a 1000000 -> 1
pexpire none 1000 -> 0
expire a 100 gt -> 0
expire a 100 xx -> 1
expire a 100 nx -> 0
ttl a -> 100
persist a -> 1
persist a -> 0
expiretime a -> -1
expireat a 1 -> 1
exists a -> 0
expire a x -> ERR value is not an integer or out of range
expire a 9223372036854775807 -> ERR invalid expire time in 'expire' command
expire a 1 nx gt -> ERR NX and XX, GT or LT options at the same time are not compatible
expire a 1 gt lt -> ERR GT and LT options at the same time are not compatible

set a 1 -> OK
rename a b -> OK
rename a c -> ERR no such key
renamenx b b -> 0
set c 2 -> OK
renamenx b c -> 0
copy b c -> 0
copy b c replace -> 1
get c -> 1
copy none c replace -> 0
copy b b -> ERR source and destination objects are the same

nonsense -> ERR unknown command 'nonsense', with args beginning with:
nonsense a b -> ERR unknown command 'nonsense', with args beginning with: 'a' 'b'
get -> ERR wrong number of arguments for 'get' command
GET a b -> ERR wrong number of arguments for 'get' command
";

/// Strings, and their bits.
pub const STRINGS: &str = "
get a -> nil
set a 1 -> OK
get a -> 1
set a 2 nx -> nil
set a 2 xx get -> 1
set b 2 xx -> nil
set a 3 nx xx -> ERR syntax error
set a 3 ex 0 -> ERR invalid expire time in 'set' command
set a 3 px x -> ERR value is not an integer or out of range
getset a 5 -> 2
getdel a -> 5
setnx a x -> 1
setnx a y -> 0
strlen a -> 1

incr n -> 1
incrby n 41 -> 42
decr n -> 41
decrby n 50 -> -9
incrbyfloat n 0.5 -> -8.5
incr n -> ERR value is not an integer or out of range
incrbyfloat n x -> ERR value is not a valid float
set n 9223372036854775807 -> OK
incr n -> ERR increment or decrement would overflow
decrby n -9223372036854775808 -> ERR decrement would overflow

mset a 1 b 2 -> OK
mget a none b -> [1 nil 2]
mset a 1 b -> ERR wrong number of arguments for 'mset' command
msetnx b 3 c 4 -> 0
msetnx c 3 d 4 -> 1
append a xyz -> 4
getrange a 1 -2 -> xy
getrange a 5 9 -> ''
setrange a 2 __ -> 4
get a -> 1x__
setrange a -1 x -> ERR offset is out of range

setbit b 7 1 -> 0
setbit b 7 0 -> 1
getbit b 7 -> 0
setbit b 1 2 -> ERR bit is not an integer or out of range
setbit b -1 1 -> ERR bit offset is not an integer or out of range
set b foobar -> OK
bitcount b -> 26
bitcount b 0 0 -> 4
bitcount b 5 30 bit -> 17
bitpos b 1 -> 1
set c abc -> OK
bitop and d b c -> 6
strlen d -> 6
bitop not d b c -> ERR BITOP NOT must be called with a single source key.

rpush l a -> 1
get l -> WRONGTYPE Operation against a key holding the wrong kind of value
incr l -> WRONGTYPE Operation against a key holding the wrong kind of value
mget l -> [nil]
set l a -> OK
get l -> a
";

/// Hashes.
pub const HASHES: &str = "
hset h f 1 g 2 -> 2
hset h f 3 -> 0
hset h f -> ERR wrong number of arguments for 'hset' command
hget h f -> 3
hget h none -> nil
hget none f -> nil
hmget h g none f -> [2 nil 3]
hgetall h -> {f=3 g=2}
hgetall none -> {}
hlen h -> 2
hexists h f -> 1
hstrlen h f -> 1
hsetnx h f x -> 0
hmset h k v -> OK
hincrby h f 4 -> 7
hincrby h k 1 -> ERR hash value is not an integer
hincrbyfloat h f 0.5 -> 7.5
hincrbyfloat h k 1 -> ERR hash value is not a float
hdel h f k none -> 2
hkeys h -> [g]
hvals h -> [2]
hscan h 0 -> [0 [g 2]]
hscan h x -> ERR invalid cursor
hdel h g -> 1
exists h -> 0
hrandfield h -> nil
hrandfield h 3 -> []

set s a -> OK
hset s f v -> WRONGTYPE Operation against a key holding the wrong kind of value
hgetall s -> WRONGTYPE Operation against a key holding the wrong kind of value
";

/// Lists.
pub const LISTS: &str = "
rpush l a b c -> 3
lpush l x y -> 5
lrange l 0 -1 -> [y x a b c]
lrange l 1 1 -> [x]
lrange l 5 9 -> []
llen l -> 5
lindex l -1 -> c
lindex l 9 -> nil
lset l 0 z -> OK
lset l 9 z -> ERR index out of range
lset none 0 z -> ERR no such key
linsert l after x m -> 6
linsert l before none m -> -1
linsert none before x m -> 0
linsert l beside x m -> ERR syntax error
lpos l a -> 3
lpos l none -> nil
lpos l a count 0 -> [3]
lrem l 1 m -> 1
ltrim l 1 -2 -> OK
lrange l 0 -1 -> [x a b]
lpop l -> x
rpop l 5 -> [b a]
lpop l -> nil
lpop l -1 -> ERR value is out of range, must be positive
exists l -> 0
lpushx l a -> 0

rpush l a b c -> 3
lmove l m left right -> a
lmove l m right left -> c
lrange m 0 -1 -> [c a]
rpoplpush m m -> a
lmove none m left left -> nil
lmove l m up left -> ERR syntax error
lmpop 2 none m left count 5 -> [m [a c]]
lmpop 1 m left -> nil
lmpop 0 m left -> ERR numkeys should be greater than 0
set s a -> OK
lpush s a -> WRONGTYPE Operation against a key holding the wrong kind of value
lmove l s left left -> WRONGTYPE Operation against a key holding the wrong kind of value
llen l -> 1
";

/// Sets.
pub const SETS: &str = "
sadd s b a a -> 2
smembers s -> {a b}
smembers none -> {}
scard s -> 2
sismember s a -> 1
smismember s a x -> [1 0]
srem s a x -> 1
smove s t b -> 1
smove s t b -> 0
exists s -> 0
sadd t c -> 1
sadd u c d -> 2
sunion t u -> {b c d}
sinter t u -> {c}
sinter t none -> {}
sdiff t u -> {b}
sintercard 2 t u limit 5 -> 1
sintercard 0 t -> ERR numkeys should be greater than 0
sunionstore v t u -> 3
sdiffstore v t t -> 0
exists v -> 0
spop none -> nil
spop none 2 -> {}
srandmember none -> nil
srandmember t 0 -> []
spop t -1 -> ERR value is out of range, must be positive
sscan u 0 match c* -> [0 [c]]

set s a -> OK
sadd s a -> WRONGTYPE Operation against a key holding the wrong kind of value
sunionstore d none s -> WRONGTYPE Operation against a key holding the wrong kind of value
";

/// Sorted sets.
pub const SORTED_SETS: &str = "
zadd z 1 a 2 b 3 c -> 3
zadd z ch 5 a 2 b -> 1
zadd z incr 1.5 a -> 6.5
zadd z nx incr 1 a -> nil
zadd z nx xx 1 a -> ERR XX and NX options at the same time are not compatible
zadd z x a -> ERR value is not a valid float
zscore z a -> 6.5
zscore z none -> nil
zmscore z a none -> [6.5 nil]
zrank z a -> 2
zrevrank z a -> 0
zrank z none -> nil
zincrby z inf b -> inf
zincrby z -inf b -> ERR resulting score is not a number (NaN)
zrange z 0 -1 withscores -> [c=3 a=6.5 b=inf]
zrange z (3 +inf byscore limit 0 1 -> [a]
zrevrange z 0 0 -> [b]
zrangebyscore z 0 10 withscores -> [c=3 a=6.5]
zrange z 0 1 limit 0 1 -> ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
zcount z (3 10 -> 1
zcount z x 1 -> ERR min or max is not a float
zcard z -> 3
zrem z a none -> 1
zpopmin z -> [c 3]
zpopmax z 2 -> [b=inf]
exists z -> 0
zpopmin z -> []

zadd l 0 a 0 b 0 c -> 3
zrangebylex l [b + -> [b c]
zlexcount l - (c -> 2
zrangebylex l b c -> ERR min or max not valid string range item
zremrangebylex l - [a -> 1
zrangestore d l 0 -1 -> 2
zunion 2 l d withscores weights 1 2 -> [b=0 c=0]
zadd m 3 b 4 x -> 2
zinter 2 l m withscores -> [b=3]
zdiff 2 m l withscores -> [x=4]
zintercard 2 l m -> 1
zunionstore d 2 l m aggregate max -> 3
zrange d 0 -1 withscores -> [c=0 b=3 x=4]
zunion 0 l -> ERR at least 1 input key is needed for 'zunion' command
zmpop 2 none d max count 2 -> [d [[x 4] [b 3]]]
zscan m 0 -> [0 [b 3 x 4]]
zrandmember none -> nil
zrandmember m 0 -> []
sadd s b -> 1
zinter 2 s m withscores -> [b=4]
set k a -> OK
zadd k 1 a -> WRONGTYPE Operation against a key holding the wrong kind of value
zunion 1 k -> WRONGTYPE Operation against a key holding the wrong kind of value
";
