//! How many different elements there were, without keeping them: HyperLogLogs in strings, byte for
//! byte as Redis has them.

mod sketch;
#[cfg(test)]
mod tests;

use super::Handler;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::values::Origin;
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
    let is_new = keys.string(key)?.is_none();
    let value = keys.string_or_new(key)?;
    let (added, has_changed) = if is_new {
        let mut sketch = sketch::empty();
        let (added, _) = add_all(&mut sketch, elements);
        sketch::forget_count(&mut sketch);
        value.assign(&sketch);
        (added, true)
    } else if sketch::encoding(value.as_bytes())? == Encoding::Dense {
        (Ok(()), sketch::add_to_dense(value.as_bytes_mut(), elements))
    } else {
        let mut sketch = value.as_bytes().to_vec();
        let (added, has_changed) = add_all(&mut sketch, elements);
        if has_changed {
            sketch::forget_count(&mut sketch);
            value.assign(&sketch);
        }
        (added, has_changed)
    };
    value.set_origin(Origin::Edited);
    if has_changed {
        keys.changed(key);
        keys.notify(EventClass::String, "pfadd", key);
    }
    // That a sketch is corrupt is found out on the way: what was added before stays, as in Redis.
    added?;
    reply.integer(i64::from(has_changed));
    Ok(())
}

/// Adds elements to a sketch, as far as it is sound; whether it changed.
fn add_all(sketch: &mut Vec<u8>, elements: &[&[u8]]) -> (Result<(), Error>, bool) {
    let mut has_changed = false;
    for element in elements {
        match sketch::add(sketch, element) {
            Ok(changes) => has_changed |= changes,
            Err(error) => return (Err(error), has_changed),
        }
    }
    (Ok(()), has_changed)
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
    // Looked at first: what is no sketch keeps its form.
    sketch::encoding(value.as_bytes())?;
    let sketch = value.as_bytes_mut();
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
    let value = keys.string_or_new(target)?;
    value.assign(&sketch);
    value.set_origin(Origin::Edited);
    reply.status("OK");
    keys.changed(target);
    keys.notify(EventClass::String, "pfadd", target);
    Ok(())
}
