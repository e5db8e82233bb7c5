//! XCLAIM and XAUTOCLAIM: what is pending is given to another consumer.

use super::ids;
use super::pending::no_key_or_group;
use super::range::{write_entry, write_id};
use super::told::Told;
use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::printed;
use crate::embedded::commands::numbers::{integer, integer_from, saturated};
use crate::embedded::values::{Claim, Deliveries, Id, Stream};
use crate::{Error, EventClass, ReplySink};

/// The most that XAUTOCLAIM may be asked to claim.
const COUNT_MAX: i64 = i64::MAX / 16;

/// From here on Redis has no address space for the ids that may be deleted, of 16 bytes each.
const COUNT_IN_MEMORY_MAX: i64 = (1 << 47) / 16;

/// How many entries XAUTOCLAIM claims unless told.
const COUNT: i64 = 100;

/// How many pending entries XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: usize = 10;

/// What became of the entries that were to be claimed.
#[derive(Default)]
struct Outcome {
    claimed: Vec<Id>,
    /// Pending entries that the stream has no longer, which are then pending no longer.
    deleted: Vec<Id>,
    makes_consumer: bool,
}

impl Outcome {
    /// Claims one entry for a group that is there.
    fn claim(&mut self, stream: &mut Stream, group: &[u8], id: Id, claim: &Claim<'_>) {
        let exists = stream.contains(id);
        let Some(group) = stream.group_mut(group) else { return };
        if !exists {
            self.deleted.extend(group.acknowledge(id).map(|_| id));
            return;
        }
        let was_there = group.consumer(claim.consumer).is_some();
        if group.claim(id, claim) {
            self.makes_consumer |= !was_there;
            self.claimed.push(id);
        }
    }

    /// Tells what was claimed, a command for each number of deliveries, and what is pending no longer.
    fn tell(&self, keys: &mut Keyspace<'_>, told: Told<'_>, delivered_at: u64) -> Result<(), Error> {
        if self.makes_consumer {
            keys.notify(EventClass::Stream, "xgroup-createconsumer", told.key);
        }
        let Some(group) = keys.stream(told.key)?.and_then(|stream| stream.group(told.group)) else {
            return Ok(());
        };
        let last_id = group.last_id;
        let deliveries = |id: &Id| (group.pending(*id).map_or(0, |pending| pending.deliveries), *id);
        let mut claimed: Vec<(u64, Id)> = self.claimed.iter().map(deliveries).collect();
        claimed.sort_unstable();
        claimed.dedup();
        for claimed in claimed.chunk_by(|(one, _), (other, _)| one == other) {
            let ids: Vec<Id> = claimed.iter().map(|(_, id)| *id).collect();
            told.claimed(keys, &ids, delivered_at, claimed[0].0, last_id);
        }
        if !self.deleted.is_empty() {
            told.acknowledged(keys, &self.deleted);
        }
        Ok(())
    }
}

/// Writes entries that are there, or their ids.
fn write_claimed(stream: Option<&Stream>, claimed: &[Id], only_ids: bool, reply: &mut dyn ReplySink) {
    reply.array(claimed.len());
    for &id in claimed {
        match stream.filter(|_| !only_ids).and_then(|stream| stream.get(id)) {
            Some(entry) => write_entry(entry, reply),
            None => write_id(id, reply),
        }
    }
}

/// The options of XCLAIM.
#[derive(Default)]
struct Options {
    delivered_at: Option<i64>,
    deliveries: Option<u64>,
    force: bool,
    only_ids: bool,
    last_id: Id,
}

impl Options {
    fn parse(words: &[&[u8]], now: u64) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            if is(b"force") {
                options.force = true;
                continue;
            } else if is(b"justid") {
                options.only_ids = true;
                continue;
            }
            let known = is(b"idle") || is(b"time") || is(b"retrycount") || is(b"lastid");
            let Some(value) = words.next().filter(|_| known) else {
                let text = format!("ERR Unrecognized XCLAIM option '{}'", printed(word));
                return Err(Error::Other(text.into()));
            };
            if is(b"idle") {
                let idle = number(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                options.delivered_at = Some((now as i64).wrapping_sub(idle));
            } else if is(b"time") {
                options.delivered_at = Some(number(value, "ERR Invalid TIME option argument for XCLAIM")?);
            } else if is(b"retrycount") {
                let count = number(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.deliveries = u64::try_from(count).ok();
            } else {
                options.last_id = ids::exact(value)?;
            }
        }
        Ok(options)
    }

    /// When the claimed entries count as delivered: never ahead of now.
    fn delivered_at(&self, now: u64) -> u64 {
        let asked = self.delivered_at.and_then(|at| u64::try_from(at).ok());
        asked.filter(|&at| at <= now).unwrap_or(now)
    }
}

fn number(word: &[u8], refusal: &'static str) -> Result<i64, Error> {
    integer(word).map_err(|_| Error::text(refusal))
}

pub fn xclaim(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = keys.now_ms();
    keys.notice_missing(argv[1]);
    let group = keys.stream(argv[1])?.and_then(|stream| stream.group(argv[2]));
    let before = group.ok_or_else(|| no_key_or_group(argv[1], argv[2]))?.last_id;
    let min_idle = number(argv[4], "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
    // The ids end where the first option begins.
    let ids: Vec<Id> = argv[5..].iter().map_while(|word| ids::exact(word).ok()).collect();
    let options = Options::parse(&argv[5 + ids.len()..], now)?;
    let claim = Claim {
        consumer: argv[3],
        now,
        min_idle,
        delivered_at: options.delivered_at(now),
        deliveries: match options.deliveries {
            Some(number) => Deliveries::Set(number),
            None if options.only_ids => Deliveries::Keep,
            None => Deliveries::OneMore,
        },
        force: options.force,
    };

    let Some(stream) = keys.stream_mut(argv[1])? else { return Ok(()) };
    let mut outcome = Outcome::default();
    let mut entries_read = None;
    if let Some(group) = stream.group_mut(argv[2]) {
        group.last_id = before.max(options.last_id);
        entries_read = group.entries_read;
    }
    ids.iter().for_each(|&id| outcome.claim(stream, argv[2], id, &claim));

    let told = Told { key: argv[1], group: argv[2], consumer: argv[3] };
    if options.last_id > before && outcome.claimed.is_empty() {
        told.advanced(keys, options.last_id, entries_read);
    }
    outcome.tell(keys, told, claim.delivered_at)?;
    write_claimed(keys.stream(argv[1])?, &outcome.claimed, options.only_ids, reply);
    Ok(())
}

pub fn xautoclaim(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    keys.notice_missing(argv[1]);
    let min_idle = number(argv[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = ids::start(argv[5])?;
    let (count, only_ids) = parse_autoclaim_options(&argv[6..])?;
    let now = keys.now_ms();
    let told = Told { key: argv[1], group: argv[2], consumer: argv[3] };
    let refusal = || no_key_or_group(argv[1], argv[2]);
    let stream = keys.stream_mut(argv[1])?.ok_or_else(refusal)?;
    stream.group(argv[2]).ok_or_else(refusal)?;
    if count > COUNT_IN_MEMORY_MAX {
        return Err(Error::text(
            "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ));
    }
    let deliveries = if only_ids { Deliveries::Keep } else { Deliveries::OneMore };
    let claim = Claim { consumer: argv[3], now, min_idle, delivered_at: now, deliveries, force: false };

    let pending_from = |stream: &Stream, from: Id| Some(stream.group(argv[2])?.pending_from(from).next()?.0);
    let mut outcome = Outcome::default();
    let mut next = pending_from(stream, start);
    let count = saturated(count);
    let mut attempts = count.saturating_mul(ATTEMPTS);
    while let Some(id) = next {
        if attempts == 0 || outcome.claimed.len() + outcome.deleted.len() == count {
            break;
        }
        attempts -= 1;
        outcome.claim(stream, argv[2], id, &claim);
        next = id.next().and_then(|from| pending_from(stream, from));
    }

    outcome.tell(keys, told, now)?;
    reply.array(3);
    write_id(next.unwrap_or_default(), reply);
    write_claimed(keys.stream(argv[1])?, &outcome.claimed, only_ids, reply);
    reply.array(outcome.deleted.len());
    outcome.deleted.iter().for_each(|&id| write_id(id, reply));
    Ok(())
}

/// How many to claim, and whether their ids alone are asked for.
fn parse_autoclaim_options(words: &[&[u8]]) -> Result<(i64, bool), Error> {
    let (mut count, mut only_ids) = (COUNT, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"justid") {
            only_ids = true;
            continue;
        }
        let is_count = word.eq_ignore_ascii_case(b"count");
        let number = words.next().filter(|_| is_count).ok_or(Error::Syntax)?;
        let refusal = "ERR COUNT must be > 0";
        count = integer_from(number, 1, refusal)?;
        if count > COUNT_MAX {
            return Err(Error::text(refusal));
        }
    }
    Ok((count, only_ids))
}
