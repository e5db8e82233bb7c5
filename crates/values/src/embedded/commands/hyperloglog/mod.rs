//! How many different elements there were, without keeping them: HyperLogLogs in strings, byte for
//! byte as Redis has them.

mod sketch;
#[cfg(test)]
mod tests;

use super::Handler;
use crate::command::Name;
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink};
use sketch::{Encoding, Registers};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Pfadd => pfadd,
        Name::Pfcount => pfcount,
        Name::Pfmerge => pfmerge,
        _ => return None,
    }))
}

fn pfadd(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (key, elements) = (argv[1], &argv[2..]);
    let has_changed = match keys.string_mut(key)? {
        None => {
            let mut sketch = sketch::empty();
            add_all(&mut sketch, elements)?;
            sketch::forget_count(&mut sketch);
            keys.put_string(key, &sketch, Expiry::Never);
            true
        }
        Some(value) => match sketch::encoding(value.as_bytes())? {
            Encoding::Dense => sketch::add_to_dense(value.as_bytes_mut(), elements),
            Encoding::Sparse => {
                // In a copy: a corrupt one is found out on the way, and is to stay as it is.
                let mut sketch = value.as_bytes().to_vec();
                let has_changed = add_all(&mut sketch, elements)?;
                if has_changed {
                    sketch::forget_count(&mut sketch);
                    value.assign(&sketch);
                }
                has_changed
            }
        },
    };
    reply.integer(i64::from(has_changed));
    if has_changed {
        keys.changed(key);
        keys.notify(EventClass::String, "pfadd", key);
    }
    Ok(())
}

/// Adds elements to a sketch; whether it changed.
fn add_all(sketch: &mut Vec<u8>, elements: &[&[u8]]) -> Result<bool, Error> {
    let mut has_changed = false;
    for element in elements {
        has_changed |= sketch::add(sketch, element)?;
    }
    Ok(has_changed)
}

fn pfcount(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    if argv.len() > 2 {
        let mut union = Registers::default();
        for key in &argv[1..] {
            if let Some(value) = keys.string(key)? {
                union.merge(value.as_bytes())?;
            }
        }
        reply.integer(union.count());
        return Ok(());
    }
    keys.read(argv[1]);
    let Some(value) = keys.string_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let sketch = value.as_bytes_mut();
    sketch::encoding(sketch)?;
    if let Some(count) = sketch::known_count(sketch) {
        reply.integer(count);
        return Ok(());
    }
    let count = sketch::count(sketch)?;
    sketch::keep_count(sketch, count);
    reply.integer(count);
    // The bytes are others now, as in Redis.
    keys.changed(argv[1]);
    Ok(())
}

fn pfmerge(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let target = argv[1];
    let mut union = Registers::default();
    for key in &argv[1..] {
        keys.notice_missing(key);
        if let Some(value) = keys.string(key)? {
            union.merge(value.as_bytes())?;
        }
    }
    let mut sketch = keys.string(target)?.map_or_else(sketch::empty, |value| value.as_bytes().to_vec());
    union.store(&mut sketch)?;
    keys.put_string(target, &sketch, Expiry::Keep);
    reply.status("OK");
    keys.changed(target);
    keys.notify(EventClass::String, "pfadd", target);
    Ok(())
}
