//! The whole state of two servers, compared through commands.

use std::collections::BTreeSet;

use super::families;
use super::random::Random;
use super::rules::{same_time, scanned};
use super::target::Target;
use crate::resp::{Argv, Resp, words};

/// How far apart two remaining times may be, in milliseconds.
const PTTL_TOLERANCE: i64 = 20_000;

/// The most calls that one scan may need: far more than the elements of the largest collection here.
const SCAN_CALLS_MAX: usize = 20_000;

/// Compares all keys: their types, contents and expiries, and that the subject's scans see everything.
pub fn compare(
    reference: &mut dyn Target,
    subject: &mut dyn Target,
    random: &mut Random,
) -> Result<(), String> {
    reference.settle();
    subject.settle();
    let keys = keys(reference)?;
    let theirs = self::keys(subject)?;
    if keys != theirs {
        return Err(told(reference, subject, "keys", &show_keys(&keys), &show_keys(&theirs)));
    }
    let asked: Vec<Argv> = keys.iter().flat_map(|key| [on("TYPE", key), on("PTTL", key)]).collect();
    let (ours, theirs) = (reference.look(&asked), subject.look(&asked));
    let mut dumps = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        let (type_at, time_at) = (2 * at, 2 * at + 1);
        check(reference, subject, &asked[type_at], &ours[type_at], &theirs[type_at], Resp::same)?;
        let same = |one: &Resp, other: &Resp| same_time(one, other, PTTL_TOLERANCE);
        check(reference, subject, &asked[time_at], &ours[time_at], &theirs[time_at], same)?;
        dumps.push(dump_of(&ours[type_at], key));
    }
    let (ours, theirs) = (reference.look(&dumps), subject.look(&dumps));
    for (at, dump) in dumps.iter().enumerate() {
        check(reference, subject, dump, &ours[at], &theirs[at], Resp::same)?;
    }
    compare_scans(subject, &keys, &ours, random)
}

/// What a set, hash or sorted set holds: each element with its value or score, if it has one.
pub fn contents(target: &mut dyn Target, key: &[u8]) -> Vec<Vec<Resp>> {
    let kind = look(target, on("TYPE", key));
    let dump = look(target, dump_of(&kind, key));
    elements_of(&dump)
}

/// The reply to one command that only looks.
pub fn look(target: &mut dyn Target, command: Argv) -> Resp {
    target.look(&[command]).swap_remove(0)
}

fn keys(target: &mut dyn Target) -> Result<BTreeSet<Resp>, String> {
    let reply = look(target, words("KEYS *"));
    match reply.elements() {
        Some(keys) => Ok(keys.iter().cloned().collect()),
        None => Err(format!("{} answers KEYS * with {reply:?}", target.name())),
    }
}

fn show_keys(keys: &BTreeSet<Resp>) -> String {
    format!("{:?}", keys.iter().collect::<Vec<_>>())
}

fn on(name: &str, key: impl AsKey) -> Argv {
    vec![name.as_bytes().to_vec(), key.as_key().to_vec()]
}

/// A key as bytes or as it came in a reply.
trait AsKey {
    fn as_key(&self) -> &[u8];
}

impl AsKey for &[u8] {
    fn as_key(&self) -> &[u8] {
        self
    }
}

impl AsKey for &Resp {
    fn as_key(&self) -> &[u8] {
        match self {
            Resp::Bulk(key) => key,
            _ => b"",
        }
    }
}

/// The command that shows all of a value of type `kind`.
fn dump_of(kind: &Resp, key: impl AsKey) -> Argv {
    let Resp::Simple(kind) = kind else { return on("TYPE", key) };
    let (name, range) = match kind.as_str() {
        "hash" => ("HGETALL", ""),
        "list" => ("LRANGE", "0 -1"),
        "set" => ("SMEMBERS", ""),
        "zset" => ("ZRANGE", "0 -1 WITHSCORES"),
        _ => families::all().find_map(|family| (family.dump)(kind)).unwrap_or(("GET", "")),
    };
    let mut command = on(name, key);
    command.extend(words(range));
    command
}

fn elements_of(dump: &Resp) -> Vec<Vec<Resp>> {
    match dump {
        Resp::Map(pairs) => pairs.iter().map(|(field, value)| vec![field.clone(), value.clone()]).collect(),
        Resp::Set(members) => members.iter().map(|member| vec![member.clone()]).collect(),
        Resp::Array(members) => members.iter().filter_map(|pair| Some(pair.elements()?.to_vec())).collect(),
        _ => Vec::new(),
    }
}

/// Nothing changes while these scans go on, so each must meet every element, and nothing else.
fn compare_scans(
    subject: &mut dyn Target,
    keys: &BTreeSet<Resp>,
    dumps: &[Resp],
    random: &mut Random,
) -> Result<(), String> {
    let count = random.between(1, 12).to_string();
    let all = keys.iter().map(|key| vec![key.clone()]).collect();
    compare_scan(subject, words("SCAN"), 1, &count, &all)?;
    for (key, dump) in keys.iter().zip(dumps) {
        let (name, words_each) = match dump {
            Resp::Map(_) => ("HSCAN", 2),
            Resp::Set(_) => ("SSCAN", 1),
            Resp::Array(elements) if elements.first().is_some_and(has_score) => ("ZSCAN", 2),
            _ => continue,
        };
        compare_scan(subject, on(name, key), words_each, &count, &elements_of(dump).into_iter().collect())?;
    }
    Ok(())
}

fn compare_scan(
    subject: &mut dyn Target,
    start: Argv,
    words_each: usize,
    count: &str,
    expected: &BTreeSet<Vec<Resp>>,
) -> Result<(), String> {
    let mut met = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..SCAN_CALLS_MAX {
        let mut command = start.clone();
        command.push(cursor);
        command.extend(words("COUNT"));
        command.push(count.as_bytes().to_vec());
        let reply = look(subject, command.clone());
        let Some((next, elements)) = scanned(&reply) else {
            return Err(format!("{} answers {} with {reply:?}", subject.name(), crate::resp::show(&command)));
        };
        met.extend(elements_met(&start[0], words_each, elements));
        if next == b"0" {
            if &met == expected {
                return Ok(());
            }
            let (name, scan) = (subject.name(), crate::resp::show(&start));
            return Err(format!(
                "{name}: the whole of {scan} (COUNT {count})\nis     {met:?},\nnot    {expected:?}"
            ));
        }
        cursor = next.to_vec();
    }
    Err(format!("{}: {} does not end", subject.name(), crate::resp::show(&start)))
}

/// Whether an element is a member of a sorted set with its score.
fn has_score(element: &Resp) -> bool {
    matches!(element.elements(), Some([_, Resp::Double(_)]))
}

/// The elements of one call of a scan. Scores, which `ZSCAN` shows as text whatever the protocol, become numbers.
fn elements_met(name: &[u8], words_each: usize, scanned: &[Resp]) -> Vec<Vec<Resp>> {
    let mut elements: Vec<Vec<Resp>> = scanned.chunks(words_each).map(<[Resp]>::to_vec).collect();
    if name == b"ZSCAN" {
        for score in elements.iter_mut().filter_map(|element| element.last_mut()) {
            let number = match score {
                Resp::Bulk(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
                _ => None,
            };
            *score = number.map_or_else(|| score.clone(), Resp::double);
        }
    }
    elements
}

fn check(
    reference: &dyn Target,
    subject: &dyn Target,
    command: &Argv,
    ours: &Resp,
    theirs: &Resp,
    same: impl Fn(&Resp, &Resp) -> bool,
) -> Result<(), String> {
    if same(ours, theirs) {
        return Ok(());
    }
    Err(told(reference, subject, &crate::resp::show(command), &format!("{ours:?}"), &format!("{theirs:?}")))
}

fn told(reference: &dyn Target, subject: &dyn Target, what: &str, ours: &str, theirs: &str) -> String {
    format!("the state differs: {what}\n{} has {ours}\n{} has {theirs}", reference.name(), subject.name())
}
