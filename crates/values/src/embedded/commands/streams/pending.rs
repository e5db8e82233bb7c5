//! XACK and XPENDING: what consumers have not acknowledged.

use super::ids;
use super::range::write_id;
use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::printed;
use crate::embedded::commands::numbers::{integer, saturated};
use crate::embedded::values::{Group, Id, Pending};
use crate::{Error, ReplySink};

/// The refusal of a key or a group that is not there.
pub fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (printed(key), printed(group));
    Error::Other(format!("NOGROUP No such key '{key}' or consumer group '{group}'").into())
}

/// The milliseconds that passed since a delivery; less than none when the clock was set back.
fn idle(pending: &Pending, now: u64) -> i64 {
    (now as i64).wrapping_sub(pending.delivered_at as i64)
}

pub fn xack(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    keys.notice_missing(argv[1]);
    let Some(group) = keys.stream_mut(argv[1])?.and_then(|stream| stream.group_mut(argv[2])) else {
        reply.integer(0);
        return Ok(());
    };
    let ids = ids::all(&argv[3..])?;
    let acknowledged = ids.into_iter().filter(|&id| group.acknowledge(id).is_some()).count();
    if acknowledged > 0 {
        keys.told_as(argv[1], "xack", &argv[2..]);
    }
    reply.integer(acknowledged as i64);
    Ok(())
}

/// Which pending entries are asked for.
struct Asked<'a> {
    min_idle: i64,
    from: Id,
    to: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// Of words after the group, between three and six of them.
    fn parse(words: &[&'a [u8]]) -> Result<Asked<'a>, Error> {
        let mut min_idle = 0;
        let mut rest = words;
        if words[0].eq_ignore_ascii_case(b"idle") {
            min_idle = integer(words[1])?;
            rest = &words[2..];
        }
        let [start, end, count, consumer @ ..] = rest else { return Err(Error::Syntax) };
        let count = saturated(integer(count)?.max(0));
        let (from, to) = (ids::start(start)?, ids::end(end)?);
        Ok(Asked { min_idle, from, to, count, consumer: consumer.first().copied() })
    }

    fn find<'g>(&self, group: &'g Group, now: u64) -> Vec<(Id, &'g Pending)> {
        let long_enough = |pending: &Pending| self.min_idle == 0 || idle(pending, now) >= self.min_idle;
        let of_all = || group.pending_from(self.from);
        let found: Box<dyn Iterator<Item = (Id, &Pending)>> = match self.consumer {
            None => Box::new(of_all()),
            Some(name) => match group.consumer(name) {
                None => return Vec::new(),
                Some(consumer) => {
                    let with_id = |id| group.pending(id).map(|pending| (id, pending));
                    Box::new(consumer.pending_from(self.from).filter_map(with_id))
                }
            },
        };
        let found = found.take_while(|(id, _)| *id <= self.to).filter(|(_, pending)| long_enough(pending));
        found.take(self.count).collect()
    }
}

pub fn xpending(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let asked = match argv.len() {
        3 => None,
        6..=9 => Some(Asked::parse(&argv[3..])?),
        _ => return Err(Error::Syntax),
    };
    let now = keys.now_ms();
    let group = keys.stream(argv[1])?.and_then(|stream| stream.group(argv[2]));
    let group = group.ok_or_else(|| no_key_or_group(argv[1], argv[2]))?;
    match asked {
        None => write_summary(group, reply),
        Some(asked) => write_found(&asked.find(group, now), now, reply),
    }
    Ok(())
}

fn write_found(found: &[(Id, &Pending)], now: u64, reply: &mut dyn ReplySink) {
    reply.array(found.len());
    for (id, pending) in found {
        reply.array(4);
        write_id(*id, reply);
        reply.bulk(&pending.consumer);
        reply.integer(idle(pending, now).max(0));
        reply.integer(pending.deliveries as i64);
    }
}

/// Writes how many entries are pending, the first and the last of them, and how many for each consumer.
fn write_summary(group: &Group, reply: &mut dyn ReplySink) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let mut pending = group.pending_from(Id::MIN).map(|(id, _)| id);
    let Some(first) = pending.next() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(first, reply);
    write_id(pending.next_back().unwrap_or(first), reply);
    let busy = || group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0);
    reply.array(busy().count());
    for (name, consumer) in busy() {
        reply.array(2);
        reply.bulk(name);
        reply.bulk(itoa::Buffer::new().format(consumer.pending_len()).as_bytes());
    }
}
