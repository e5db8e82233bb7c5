//! Strings: whole, in part, and as numbers.

use super::Handler;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::{Error, ReplySink};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Get => get,
        Name::Append => append,
        _ => return None,
    }))
}

fn get(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.string(argv[1])? {
        Some(value) => reply.bulk(value.as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn append(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let value = keys.string_or_new(argv[1])?.as_mut_vec();
    value.extend_from_slice(argv[2]);
    reply.integer(value.len() as i64);
    keys.changed(argv[1]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::embedded::check::Check;

    #[test]
    fn append_makes_and_lengthens() {
        let check = Check::new();
        check.check("append a foo", "3");
        check.check("append a bar", "6");
        check.check("get a", "foobar");
        assert_eq!(check.changes(), ["append a foo", "append a bar"]);
    }
}
