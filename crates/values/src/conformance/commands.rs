//! Random commands: what is likely to meet what was there, and now and then something wrong.

use proptest::prelude::*;
use proptest::sample::select;

/// The keys of random commands, by the kind of value they usually hold.
pub(super) const KEYS: &[&str] = &["s1", "s2", "h1", "h2", "l1", "l2", "t1", "t2", "z1", "z2", "x1", "x2"];

/// One step of a random history.
#[derive(Clone)]
pub(super) enum Step {
    Command(Vec<Vec<u8>>),
    /// Milliseconds pass.
    Pass(u64),
}

impl Step {
    /// The words of a command.
    pub fn argv(words: &[Vec<u8>]) -> Vec<&[u8]> {
        words.iter().map(Vec::as_slice).collect()
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Command(words) => f.write_str(&String::from_utf8_lossy(&words.join(&b' '))),
            Step::Pass(ms) => write!(f, "{ms} ms pass"),
        }
    }
}

/// The commands that the reference model knows.
///
/// In braces stands what is drawn: a key that usually holds a string, hash, list, set (`t`), sorted set or
/// stream (`x`), any key (`k`), an element, an integer, an index, a score, an id, a time to live, one that
/// is soon over, an end of a list.
const CORE: &[&str] = &[
    "get {s}",
    "set {s} {e}",
    "set {s} {n} px {ms}",
    "set {s} {e} nx",
    "set {s} {e} xx",
    "set {s} {n} keepttl",
    "getdel {s}",
    "mset {s} {e}",
    "mset {s} {n} {k} {e}",
    "append {s} {e}",
    "incr {s}",
    "incrby {s} {n}",
    "strlen {s}",
    "del {k}",
    "del {k} {k}",
    "exists {k} {k}",
    "type {k}",
    "pexpire {k} {ms}",
    "pexpire {k} {soon}",
    "persist {k}",
    "pttl {k}",
    "rename {k} {k}",
    "hset {h} {e} {n}",
    "hset {h} {e} {e} {e} {e}",
    "hdel {h} {e} {e}",
    "hget {h} {e}",
    "hgetall {h}",
    "hincrby {h} {e} {n}",
    "lpush {l} {e} {e}",
    "rpush {l} {e}",
    "rpush {l} {e} {e} {e}",
    "lpop {l}",
    "rpop {l} {n}",
    "lrange {l} {i} {i}",
    "lmove {l} {l} {end} {end}",
    "sadd {t} {e} {e}",
    "sadd {t} {e}",
    "srem {t} {e} {e}",
    "smembers {t}",
    "sismember {t} {e}",
    "smove {t} {t} {e}",
    "sinterstore {t} {t} {t}",
    "zadd {z} {f} {e}",
    "zadd {z} {f} {e} {f} {e}",
    "zincrby {z} {f} {e}",
    "zrem {z} {e} {e}",
    "zscore {z} {e}",
    "zrank {z} {e}",
    "zrange {z} {i} {i} withscores",
];

/// More commands that change something.
const FURTHER: &[&str] = &[
    "setex {s} 7 {e}",
    "psetex {s} {ms} {e}",
    "setnx {s} {e}",
    "getset {s} {e}",
    "set {s} {e} get",
    "getex {s} px {ms}",
    "getex {s} persist",
    "setrange {s} 2 {e}",
    "incrbyfloat {s} {f}",
    "decrby {s} {n}",
    "msetnx {s} {e} {s} {e}",
    "setbit {s} 5 1",
    "bitop xor {s} {s} {s}",
    "copy {k} {k} replace",
    "copy {k} {k}",
    "renamenx {k} {k}",
    "unlink {k} {k}",
    "expire {k} 1000",
    "pexpire {k} {ms} gt",
    "hsetnx {h} {e} {e}",
    "hmset {h} {e} {e}",
    "hincrbyfloat {h} {e} {f}",
    "lpushx {l} {e}",
    "rpushx {l} {e}",
    "linsert {l} before {e} {e}",
    "lset {l} {i} {e}",
    "lrem {l} {n} {e}",
    "ltrim {l} {i} {i}",
    "lpop {l} {n}",
    "lmpop 2 {l} {l} {end} count 2",
    "rpoplpush {l} {l}",
    "spop {t}",
    "spop {t} 2",
    "sunionstore {t} {t} {t}",
    "sdiffstore {t} {t} {t}",
    "zadd {z} nx {f} {e}",
    "zadd {z} gt ch {f} {e}",
    "zadd {z} xx incr {f} {e}",
    "zpopmin {z}",
    "zpopmax {z} {n}",
    "zmpop 2 {z} {z} min count 2",
    "zrangestore {z} {z} {i} {i}",
    "zremrangebyrank {z} {i} {i}",
    "zremrangebyscore {z} {f} {f}",
    "zremrangebylex {z} [a (c",
    "zunionstore {z} 2 {z} {t} weights {f} 1",
    "zinterstore {z} 2 {z} {z} aggregate max",
    "zdiffstore {z} 2 {z} {z}",
    "xadd {x} * {e} {e}",
    "xadd {x} * {e} {e}",
    "xadd {x} {id} {e} {e} {e} {n}",
    "xadd {x} maxlen ~ 2 * {e} {e}",
    "xadd {x} nomkstream maxlen 2 * {e} {e}",
    "xtrim {x} maxlen {n}",
    "xtrim {x} minid ~ {id}",
    "xdel {x} {id} {id}",
    "xsetid {x} {id}",
    "xgroup create {x} g {id} mkstream",
    "xgroup setid {x} g {id}",
    "xgroup destroy {x} g",
    "xgroup createconsumer {x} g {e}",
    "xgroup delconsumer {x} g {e}",
    "xreadgroup group g {e} count 2 streams {x} >",
    "xreadgroup group g {e} noack streams {x} {x} > 0",
    "xack {x} g {id} {id}",
    "xclaim {x} g {e} 0 {id} {id} force",
    "xautoclaim {x} g {e} 0 {id}",
];

/// Histories of commands that the model knows.
pub(super) fn core_history(time_passes: bool) -> impl Strategy<Value = Vec<Step>> {
    history(CORE.to_vec(), time_passes)
}

/// Histories of all commands that change something.
pub(super) fn full_history(time_passes: bool) -> impl Strategy<Value = Vec<Step>> {
    history([CORE, FURTHER].concat(), time_passes)
}

fn history(templates: Vec<&'static str>, time_passes: bool) -> impl Strategy<Value = Vec<Step>> {
    let commands = (select(templates), proptest::collection::vec(any::<u32>(), 8))
        .prop_map(move |(template, draws)| Step::Command(filled(template, &draws, time_passes)));
    let passes = (1..40_u64).prop_map(Step::Pass);
    let step = if time_passes { prop_oneof![15 => commands, 1 => passes].boxed() } else { commands.boxed() };
    proptest::collection::vec(step, 0..120)
}

/// A command with what was drawn for it.
fn filled(template: &str, draws: &[u32], time_passes: bool) -> Vec<Vec<u8>> {
    let mut draws = draws.iter().map(|&draw| draw as usize);
    let words = template.split(' ').map(|word| match word.strip_prefix('{') {
        None => word,
        Some(place) => drawn(place.trim_end_matches('}'), draws.next().unwrap_or(0), time_passes),
    });
    words.map(|word| word.as_bytes().to_vec()).collect()
}

/// What is drawn for a place in a template.
fn drawn(place: &str, draw: usize, time_passes: bool) -> &'static str {
    let of = |choices: &[&'static str]| choices[draw % choices.len()];
    match place {
        "e" => of(&["a", "b", "c", "d", "", "7", "a longer element than the others"]),
        "n" => of(&["1", "2", "3", "-1", "0", "10", "9223372036854775807", "x"]),
        "i" => of(&["0", "-1", "1", "2", "-2", "-3", "100"]),
        "f" => of(&["1", "2", "2.5", "-1", "3", "inf", "-inf", "1e3", "nan"]),
        "id" => of(&["0", "1-1", "2-1", "2-2", "3-1", "9-9"]),
        "end" => of(&["left", "right"]),
        // Without a clock that stands still, nothing may expire by itself.
        "ms" if time_passes => of(&["5", "20", "60", "1000"]),
        "ms" => of(&["1000000", "2000000"]),
        "soon" if time_passes => of(&["1", "2", "3", "-1", "0", "10", "9223372036854775807", "x"]),
        "soon" => of(&["1000000", "-1", "0", "x"]),
        // Seldom a key of another kind.
        _ if place == "k" || draw.is_multiple_of(16) => of_any_kind(draw),
        _ => {
            let of_kind = KEYS.iter().copied().filter(|key| key.starts_with(place));
            of_kind.clone().nth(draw % of_kind.count()).unwrap_or("s1")
        }
    }
}

fn of_any_kind(draw: usize) -> &'static str {
    KEYS[draw / 16 % KEYS.len()]
}
