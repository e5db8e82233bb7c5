//! Taking all keys away, and the other databases, of which there are none.

use crate::embedded::Keyspace;
use crate::{Error, ReplySink, parse_integer};

/// There is one database, number 0.
pub(super) const NO_SUCH_DATABASE: Error = Error::text("ERR DB index is out of range");

/// `FLUSHALL` and `FLUSHDB`.
pub(super) fn flush(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let in_background = match argv[1..] {
        [] => false,
        [how] if how.eq_ignore_ascii_case(b"sync") => false,
        [how] if how.eq_ignore_ascii_case(b"async") => true,
        _ => return Err(Error::Syntax),
    };
    keys.remove_all(in_background);
    reply.status("OK");
    Ok(())
}

/// Reads the number of a database.
pub(super) fn database(word: &[u8]) -> Result<i32, Error> {
    let number = parse_integer(word).ok_or(Error::NotInteger)?;
    let range = "ERR value is out of range, value must between -2147483648 and 2147483647";
    i32::try_from(number).map_err(|_| Error::text(range))
}

pub(super) fn move_to(_: &mut Keyspace<'_>, argv: &[&[u8]], _: &mut dyn ReplySink) -> Result<(), Error> {
    match database(argv[2])? {
        0 => Err(Error::text("ERR source and destination objects are the same")),
        _ => Err(NO_SUCH_DATABASE),
    }
}

pub(super) fn swapdb(_: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let first = database(argv[1]).map_err(|_| Error::text("ERR invalid first DB index"))?;
    let second = database(argv[2]).map_err(|_| Error::text("ERR invalid second DB index"))?;
    if (first, second) != (0, 0) {
        return Err(NO_SUCH_DATABASE);
    }
    reply.status("OK");
    Ok(())
}
