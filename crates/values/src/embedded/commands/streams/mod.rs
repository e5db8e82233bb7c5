//! Streams: entries added at the end, read by range or as they come, and worked off by groups of consumers.

mod add;
mod claim;
mod group_read;
mod groups;
mod ids;
mod info;
mod pending;
mod range;
mod read;
mod told;
mod trim;

#[cfg(test)]
mod tests;

use super::{Handler, Run};
use crate::command::Name;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    let run: Run = match name {
        Name::Xadd => add::xadd,
        Name::Xtrim => trim::xtrim,
        Name::Xdel => trim::xdel,
        Name::Xsetid => add::xsetid,
        Name::Xlen => range::xlen,
        Name::Xrange => range::xrange,
        Name::Xrevrange => range::xrevrange,
        Name::Xread => return Some(Handler::Blocking(&read::XREAD)),
        Name::Xreadgroup => return Some(Handler::Blocking(&group_read::XREADGROUP)),
        Name::Xgroup => groups::xgroup,
        Name::Xack => pending::xack,
        Name::Xpending => pending::xpending,
        Name::Xclaim => claim::xclaim,
        Name::Xautoclaim => claim::xautoclaim,
        Name::Xinfo => info::xinfo,
        _ => return None,
    };
    Some(Handler::Keyed(run))
}
