//! Commands that wait: who is served by what, in which order, and what is told of it.
//!
//! Each paragraph begins with an empty engine. `a: call` begins a call that has to wait; `a -> reply` is what
//! it answers, and `a waits` says that it has not yet; `pass 50` lets milliseconds pass; `[call | call]` is a
//! transaction; `=> change | change` is all that was told since the last such line. Every other line is a call
//! and its reply.

use super::text::words;
use super::{Driver, Make, show};
use crate::{Execution, Reply, Waiting};
use futures_util::FutureExt;
use std::collections::BTreeMap;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    for paragraph in SCRIPT.trim().split("\n\n") {
        let mut play = Play { driver: Driver(make()), waiting: BTreeMap::new() };
        paragraph.lines().for_each(|line| play.line(line));
    }
}

/// What waits for what, and how it ends.
pub const SCRIPT: &str = "
a: blpop l 0
b: brpop l m 0
c: blmpop 0 2 m l left count 2
rpush l 1 2 3 4 -> 4
a -> [l 1]
b -> [l 4]
c -> [l [2 3]]
=> rpush l 1 2 3 4 | lpop l | rpop l | lpop l 2
exists l -> 0

a: bzpopmin z 0
b: bzpopmax y z 0
c: bzmpop 0 1 z max count 2
zadd z 1 a 2 b 3 c 4 d 5 e -> 5
a -> [z a 1]
b -> [z e 5]
c -> [z [[d 4] [c 3]]]
=> zadd z 1 a 2 b 3 c 4 d 5 e | zpopmin z | zpopmax z | zpopmax z 2
zrange z 0 -1 -> [b]

a: blmove l m right left 0
rpush l x y -> 2
a -> y
=> rpush l x y | lmove l l m right left | lmove m l m right left
lrange m 0 -1 -> [y]

c: blpop n 0
b: brpoplpush m n 0
a: blmove l m left right 0
lpush l x -> 1
a -> x
b -> x
c -> [n x]
dbsize -> 0

a: brpoplpush l l 0
rpush l x -> 1
a -> x
lrange l 0 -1 -> [x]

set s 1 -> OK
a: blmove l s left right 0
b: blpop l 0
rpush l x -> 1
a -> WRONGTYPE Operation against a key holding the wrong kind of value
b -> [l x]

a: blpop k 0
b: bzpopmin k 0
set k 1 -> OK
del k -> 1
a waits
zadd k 1 x -> 1
b -> [k x 1]
a waits
rpush l x -> 1
rename l k -> OK
a -> [k x]

a: blpop a b c 0
[rpush c 1 | rpush a 2] -> [1 1]
a -> [c 1]
lrange a 0 -1 -> [2]

a: blpop l 0
[rpush l x | del l] -> [1 1]
a waits
[rpush l x | lpush l y | llen l] -> [1 2 2]
a -> [l y]
lrange l 0 -1 -> [x]

[blpop l 0 | blmove l m left left 0 | bzpopmin z 0 | rpush l x | blpop l 0] -> [nil nil nil 1 [l x]]
=> rpush l x | lpop l

a: blpop l 0.02
b: bzpopmax z 0.02
pass 60
a -> nil
b -> nil
rpush l x -> 1
llen l -> 1

blpop l -1 -> ERR timeout is negative
blpop l x -> ERR timeout is not a float or out of range
blmpop 0 0 l left -> ERR numkeys should be greater than 0
blmove l m up left 0 -> ERR syntax error
rpush l x y -> 2
brpop m l 0 -> [l y]
bzpopmin l 0 -> WRONGTYPE Operation against a key holding the wrong kind of value
";

struct Play {
    driver: Driver,
    waiting: BTreeMap<char, Waiting>,
}

impl Play {
    fn line(&mut self, line: &str) {
        if let Some(told) = line.strip_prefix("=> ") {
            assert_eq!(self.driver.changes_shown().join(" | "), told, "{line}");
        } else if let Some(ms) = line.strip_prefix("pass ") {
            self.driver.wait_ms(ms.parse().expect("a number"));
            self.driver.0.expire();
        } else if let Some((name, call)) = line.split_once(": ") {
            let began = self.driver.begin(&words(call));
            let Execution::Waiting(waiting) = began else { panic!("{call} does not wait") };
            self.waiting.insert(name_of(name), waiting);
            self.driver.0.settle();
        } else if let Some(name) = line.strip_suffix(" waits") {
            self.still_waits(name_of(name));
        } else {
            let (call, expected) = line.split_once(" -> ").expect("a call and its reply");
            let reply = match call.strip_prefix('[') {
                Some(calls) => self.transaction(calls.trim_end_matches(']')),
                None if call.len() == 1 => self.answer(name_of(call)),
                None => self.driver.run(call),
            };
            assert_eq!(show(&reply), expected, "{line}");
        }
    }

    fn transaction(&self, calls: &str) -> Reply {
        let calls: Vec<_> = calls.split(" | ").map(words).collect();
        Reply::Array(self.driver.transaction(&[], &calls).expect("nothing is watched"))
    }

    fn answer(&mut self, name: char) -> Reply {
        let waiting = self.waiting.remove(&name).expect("it was begun");
        self.driver.0.wait(waiting.reply)
    }

    fn still_waits(&mut self, name: char) {
        self.driver.0.settle();
        let waiting = self.waiting.get_mut(&name).expect("it was begun");
        assert_eq!((&mut waiting.reply).now_or_never(), None, "{name}");
    }
}

fn name_of(text: &str) -> char {
    text.chars().next().expect("a name")
}
