//! What is told of a call.
//!
//! A change is what would fail a `WATCH` in Redis. Each changed key is told once, with a revision that
//! only grows for it: as sent, without the key where the command names no other, with all arguments
//! where it does; as the effect, where the arguments do not tell it. A call that fails or changes
//! nothing tells nothing; a quiet one tells nothing, but its revision is taken all the same.

use super::{Driver, Make, Recorded, show};
use crate::{Kind, Reply};
use std::collections::BTreeSet;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    calls_tell_what_they_changed(make);
    random_commands_tell_what_they_took(make);
    revisions_grow_with_each_change(make);
    quiet_calls_tell_nothing_and_take_revisions(make);
    the_actor_is_told(make);
}

/// Calls and what they tell. Each paragraph begins with an empty engine.
const TOLD: &str = "
set a 1 => set a 1
set a 1 => set a 1
set a 2 nx =>
set b 2 xx =>
set a 3 px 1000000 => set a 3 px 1000000
set a 4 get keepttl => set a 4 get keepttl
SET A 1 => set A 1
get a =>
incr a => incr a
incrby a x =>
hset a f v =>
incrbyfloat a 0.5 => set a 5.5 KEEPTTL
append a '' => append a ''
getset a 7 => getset a 7
getdel a => del a
getdel a =>
setrange a 0 '' =>
setnx a 1 => setnx a 1
setnx a 1 =>

mset a 1 => mset a 1
mset a 1 b 2 => mset a a 1 b 2 | mset b a 1 b 2
mset a 1 a 2 => mset a a 1 a 2
msetnx a 1 c 2 =>
msetnx c 1 d 2 => msetnx c c 1 d 2 | msetnx d c 1 d 2
del a => del a
del a b none => del b a b none
unlink c c d => unlink c c c d | unlink d c c d
del none =>

set a 1 => set a 1
getex a =>
getex a persist =>
pexpire a 1000000 => pexpire a 1000000
pexpire a 1 gt =>
persist a => persist a
persist a =>
rename a b => rename a a b | rename b a b
rename b b =>
rename none b =>
copy b c => copy c b c
copy b c =>
pexpire c 0 => del c
expire b -1 => del b
expire b 10 =>

hset h f v => hset h f v
hset h f v => hset h f v
hsetnx h f w =>
hincrby h f 1 =>
hincrby h n 2 => hincrby h n 2
hincrbyfloat h n 0.5 => hset h n 2.5
hdel h x =>
hdel h f n => hdel h f n
exists h =>

rpush l a b c d e f => rpush l a b c d e f
lpushx l a => lpushx l a
lpushx none a =>
linsert l before x y =>
lset l 99 x =>
lset l 0 z => lset l 0 z
lrem l 0 x =>
lrem l 0 z => lrem l 0 z
lpop l 0 =>
lpop l => lpop l
lmove l m left right => lmove l l m left right | lmove m l m left right
lmove l l left right => lmove l l l left right
rpoplpush m m => rpoplpush m m m
lmpop 2 none l left count 2 => lpop l 2
lmpop 2 none m right => rpop m 1
lmpop 2 none m right =>
ltrim l 5 1 => ltrim l 5 1
ltrim l 5 1 =>

sadd s a b c => sadd s a b c
sadd s a =>
srem s x =>
smove s t a => smove s s t a | smove t s t a
smove s t x =>
smove s s b =>
sadd t b => sadd t b
smove s t b => smove s s t b
sinterstore d s t =>
sunionstore d s t => sunionstore d d s t
sinterstore d s none => sinterstore d d s none
spop none =>
srem t a b => srem t a b

zadd z 1 a 2 b 3 c => zadd z 1 a 2 b 3 c
zadd z 1 a =>
zadd z nx 5 a =>
zadd z gt 0 a =>
zadd z inf x => zadd z inf x
zincrby z -inf x =>
zincrby z 0 a =>
zincrby z 1 a => zincrby z 1 a
zrem z none =>
zremrangebyrank z 9 10 =>
zpopmin z 0 =>
zmpop 2 none z min count 9 => zpopmin z 4
zpopmax z =>
zadd z 1 a => zadd z 1 a
zrangestore d z 0 -1 => zrangestore d d z 0 -1
zunionstore d 1 none => zunionstore d d 1 none
zunionstore d 1 none =>
zremrangebyscore z 1 1 => zremrangebyscore z 1 1

set a 1 => set a 1
lpush a x =>
nonsense a =>
get =>
mset a =>
lmove none l up down =>
";

/// The table above holds.
pub fn calls_tell_what_they_changed(make: Make<'_>) {
    for paragraph in TOLD.trim().split("\n\n") {
        let driver = Driver(make());
        for line in paragraph.lines() {
            let (call, told) = line.split_once(" =>").expect("a call and what it tells");
            driver.run(call);
            // Keys of one call may be told in any order among themselves.
            let mut changes = driver.changes_shown();
            changes.sort();
            let told = told.split('|').map(str::trim).filter(|change| !change.is_empty());
            let mut expected: Vec<_> = told.map(|change| change.replace("''", "")).collect();
            expected.sort();
            assert_eq!(changes, expected, "{line}");
        }
    }
}

/// What was taken at random is told by name.
pub fn random_commands_tell_what_they_took(make: Make<'_>) {
    for (line, taken) in [("spop s", 1), ("spop s 3", 3), ("spop s 99", 10)] {
        let driver = Driver(make());
        driver.run("sadd s a b c d e f g h i j");
        driver.changes();
        let answered: BTreeSet<String> = match driver.run(line) {
            Reply::Array(members) | Reply::Set(members) => members.iter().map(show).collect(),
            member => [show(&member)].into(),
        };
        let told = driver.changes();
        let [Recorded { command, key, args, .. }] = &told[..] else { panic!("{line} told {told:?}") };
        assert_eq!(args.len(), taken, "{line}");
        assert_eq!((&command[..], &key[..]), ("srem", &b"s"[..]), "{line}");
        let named: BTreeSet<String> =
            args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        assert_eq!(named, answered, "{line}");
    }
}

/// Of one key, later changes have greater revisions, also after it was deleted.
pub fn revisions_grow_with_each_change(make: Make<'_>) {
    let driver = Driver(make());
    for line in
        ["set a 1", "incr a", "del a", "rpush a x", "rename a b", "rename b a", "pexpire a 0", "set a 1"]
    {
        driver.run(line);
    }
    let revs: Vec<_> =
        driver.changes().into_iter().filter(|change| change.key == b"a").map(|change| change.rev).collect();
    assert_eq!(revs.len(), 8);
    assert!(revs.windows(2).all(|two| two[0] < two[1]), "{revs:?}");
}

/// Whoever asks for the value after a quiet change is placed after it.
pub fn quiet_calls_tell_nothing_and_take_revisions(make: Make<'_>) {
    let driver = Driver(make());
    driver.run("set a 1");
    let before = driver.snapshot(b"a", Kind::Any).1;
    driver.execute(&[b"set", b"a", b"2"], None, true);
    driver.execute(&[b"mset", b"a", b"3", b"b", b"4"], None, true);
    let (value, after) = driver.snapshot(b"a", Kind::Any);
    assert_eq!((show(&value), before < after), ("3".to_owned(), true));
    driver.run("set a 5");
    let told = driver.changes();
    assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), ["set a 1", "set a 5"]);
    assert!(told[1].rev > after);
}

/// Who the client says it is goes with its changes.
pub fn the_actor_is_told(make: Make<'_>) {
    let driver = Driver(make());
    driver.execute(&[b"set", b"a", b"1"], Some(b"gopher"), false);
    driver.execute(&[b"incrbyfloat", b"a", b"1"], Some(b""), false);
    driver.execute(&[b"del", b"a", b"b"], None, false);
    let actors: Vec<_> = driver.changes().into_iter().map(|change| change.actor).collect();
    assert_eq!(actors, [Some(b"gopher".to_vec()), Some(Vec::new()), None]);
}
