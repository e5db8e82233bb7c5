//! Commands over the whole key space. They lock one shard after the other: what they tell was true
//! for each at its time.

use crate::embedded::commands::element_scan::cursor as read_cursor;
use crate::embedded::shard::{Entry, Shard};
use crate::embedded::table::Keyed;
use crate::embedded::{Embedded, SHARDS};
use crate::{Error, ReplySink, glob_matches, parse_integer};
use parking_lot::{Mutex, MutexGuard};

/// How many timers are looked at before others are let in between.
const LOOKS_AT_ONCE: usize = 1024;

/// How many keys a SCAN looks at unless told.
const SCAN_COUNT: usize = 10;

impl Embedded {
    /// Locks a shard in which no key is past its time.
    fn lock_unexpired<'a>(
        &self,
        shard: &'a Mutex<Shard>,
        now: u64,
        emitted: &mut bool,
    ) -> MutexGuard<'a, Shard> {
        loop {
            let mut shard = shard.lock();
            *emitted |= self.expire_in(&mut shard, now, LOOKS_AT_ONCE);
            if shard.next_deadline().is_none_or(|next| next > now) {
                return shard;
            }
        }
    }

    /// Calls `visit` with each shard, once the keys past their time are gone from it.
    fn visit_shards(&self, mut visit: impl FnMut(&Shard)) {
        let now = self.clock.now_ms();
        let mut emitted = false;
        for shard in &self.shards {
            visit(&self.lock_unexpired(shard, now, &mut emitted));
        }
        if emitted {
            self.feed.settle();
        }
    }
}

/// Keys copied one after the other, so that they can be counted before they are written.
#[derive(Default)]
struct KeyList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyList {
    fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    fn write(&self, reply: &mut dyn ReplySink) {
        reply.array(self.ends.len());
        let mut start = 0;
        for &end in &self.ends {
            reply.bulk(&self.bytes[start..end]);
            start = end;
        }
    }
}

pub(super) fn dbsize(engine: &Embedded, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut keys = 0;
    engine.visit_shards(|shard| keys += shard.table.len());
    reply.integer(keys as i64);
    Ok(())
}

pub(super) fn keys(engine: &Embedded, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut found = KeyList::default();
    engine.visit_shards(|shard| {
        let keys = shard.table.iter().map(Entry::key);
        keys.filter(|key| glob_matches(argv[1], key)).for_each(|key| found.push(key));
    });
    found.write(reply);
    Ok(())
}

pub(super) fn randomkey(engine: &Embedded, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = engine.clock.now_ms();
    let mut emitted = false;
    loop {
        let mut left = match engine.len() {
            0 => {
                reply.null();
                break;
            }
            keys => fastrand::usize(..keys),
        };
        // The shard that holds the key of that number, were they all counted through.
        let chosen = engine.shards.iter().find(|shard| {
            let keys = shard.lock().table.len();
            let holds = left < keys;
            left = left.saturating_sub(keys);
            holds
        });
        let Some(chosen) = chosen else { continue };
        let shard = engine.lock_unexpired(chosen, now, &mut emitted);
        // When only keys past their time were there, they are gone now, so this comes to an end.
        if !shard.table.is_empty() {
            reply.bulk(shard.table.at(fastrand::usize(..shard.table.len())).key());
            break;
        }
    }
    if emitted {
        engine.feed.settle();
    }
    Ok(())
}

/// The options of SCAN.
struct ScanOptions<'a> {
    count: usize,
    pattern: &'a [u8],
    type_name: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Self, Error> {
        let mut options = ScanOptions { count: SCAN_COUNT, pattern: b"*", type_name: None };
        for pair in words.chunks(2) {
            let &[word, value] = pair else { return Err(Error::Syntax) };
            if word.eq_ignore_ascii_case(b"count") {
                let count = parse_integer(value).ok_or(Error::NotInteger)?;
                let count = usize::try_from(count).ok().filter(|&count| count > 0);
                options.count = count.ok_or(Error::Syntax)?;
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = value;
            } else if word.eq_ignore_ascii_case(b"type") {
                options.type_name = Some(value);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.type_name.is_none_or(|name| name.eq_ignore_ascii_case(entry.value.type_name().as_bytes()))
            && glob_matches(self.pattern, entry.key())
    }
}

pub(super) fn scan(engine: &Embedded, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let cursor = read_cursor(argv[1])?;
    let options = ScanOptions::parse(&argv[2..])?;
    let now = engine.clock.now_ms();
    // A cursor is the number of a shard below a cursor within it.
    let (mut within, mut number) = (cursor / SHARDS as u64, cursor as usize % SHARDS);
    let mut left = options.count;
    let mut found = KeyList::default();
    while left > 0 && number < SHARDS {
        let shard = engine.shards[number].lock();
        let (positions, next) = shard.table.scan(within, left);
        left -= positions.len();
        let entries = shard.unexpired(positions, now).filter(|entry| options.wants(entry));
        entries.for_each(|entry| found.push(entry.key()));
        within = next;
        if within == 0 {
            number += 1;
        }
    }
    let next = if number < SHARDS { within * SHARDS as u64 + number as u64 } else { 0 };
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    found.write(reply);
    Ok(())
}
