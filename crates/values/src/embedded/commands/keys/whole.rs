//! Commands over the whole key space. Outside a transaction they lock one shard after the other: what
//! they tell was true for each at its time.

use crate::embedded::commands::element_scan::cursor as read_cursor;
use crate::embedded::shard::Entry;
use crate::embedded::table::Keyed;
use crate::embedded::{Keyspace, SHARDS};
use crate::{Error, ReplySink, glob_matches, parse_integer};

/// How often a random key is drawn anew when the one drawn is past its time, or its shard was emptied.
const RANDOM_KEY_TRIES: usize = 100;

/// How many keys a SCAN looks at unless told.
const SCAN_COUNT: usize = 10;

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

pub(super) fn dbsize(keys: &mut Keyspace<'_>, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let there: usize =
        (0..SHARDS).map(|number| keys.visit_unexpired(number, |shard| shard.table.len())).sum();
    reply.integer(there as i64);
    Ok(())
}

pub(super) fn keys(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (mut found, now) = (KeyList::default(), keys.now_ms());
    for number in 0..SHARDS {
        keys.visit_unexpired(number, |shard| {
            let keys = shard.unexpired(0..shard.table.len(), now).map(Entry::key);
            keys.filter(|key| glob_matches(argv[1], key)).for_each(|key| found.push(key));
        });
    }
    found.write(reply);
    Ok(())
}

pub(super) fn randomkey(
    keys: &mut Keyspace<'_>,
    _: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let now = keys.now_ms();
    for _ in 0..RANDOM_KEY_TRIES {
        let mut sizes = [0; SHARDS];
        for (number, size) in sizes.iter_mut().enumerate() {
            *size = keys.visit(number, |keys| keys.shard(number).table.len());
        }
        let mut left = match sizes.iter().sum() {
            0 => {
                reply.null();
                return Ok(());
            }
            there => keys.random().usize(..there),
        };
        // The shard that holds the key of that number, were they all counted through.
        let chosen = sizes.iter().position(|&size| {
            let holds = left < size;
            left = left.saturating_sub(size);
            holds
        });
        let Some(chosen) = chosen else { continue };
        let found = keys.visit_unexpired(chosen, |shard| {
            let there = shard.table.len();
            let position = (there > 0).then(|| fastrand::usize(..there))?;
            let key = shard.unexpired(position..position + 1, now).next()?.key();
            reply.bulk(key);
            Some(())
        });
        if found.is_some() {
            return Ok(());
        }
    }
    reply.null();
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

pub(super) fn scan(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let cursor = read_cursor(argv[1])?;
    let options = ScanOptions::parse(&argv[2..])?;
    let now = keys.now_ms();
    // A cursor is the number of a shard below a cursor within it.
    let (mut within, mut number) = (cursor / SHARDS as u64, cursor as usize % SHARDS);
    let mut left = options.count;
    let mut found = KeyList::default();
    while left > 0 && number < SHARDS {
        within = keys.visit(number, |keys| {
            let shard = keys.shard(number);
            let (positions, next) = shard.table.scan(within, left);
            left -= positions.len();
            let entries = shard.unexpired(positions, now).filter(|entry| options.wants(entry));
            entries.for_each(|entry| found.push(entry.key()));
            next
        });
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
