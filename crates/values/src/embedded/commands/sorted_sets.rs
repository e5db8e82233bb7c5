//! Sorted sets: members by score, and their ranges.

mod add;
mod blocking;
mod combine;
mod look;
mod pop;
mod range;
#[cfg(test)]
mod tests;

pub(super) use add::{Options, add_scored};
pub(super) use range::store;

use super::{Handler, Run};
use crate::command::Name;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    let blocking = match name {
        Name::Bzpopmin => &blocking::BZPOPMIN,
        Name::Bzpopmax => &blocking::BZPOPMAX,
        Name::Bzmpop => &blocking::BZMPOP,
        _ => return keyed(name).map(Handler::Keyed),
    };
    Some(Handler::Blocking(blocking))
}

fn keyed(name: Name) -> Option<Run> {
    Some(match name {
        Name::Zadd => add::zadd,
        Name::Zincrby => add::zincrby,
        Name::Zrem => add::zrem,
        Name::Zcard => look::zcard,
        Name::Zscore => look::zscore,
        Name::Zmscore => look::zmscore,
        Name::Zrank => look::zrank,
        Name::Zrevrank => look::zrevrank,
        Name::Zcount => look::zcount,
        Name::Zlexcount => look::zlexcount,
        Name::Zrandmember => look::zrandmember,
        Name::Zscan => look::zscan,
        Name::Zrange => range::zrange,
        Name::Zrangestore => range::zrangestore,
        Name::Zrevrange => range::zrevrange,
        Name::Zrangebyscore => range::zrangebyscore,
        Name::Zrevrangebyscore => range::zrevrangebyscore,
        Name::Zrangebylex => range::zrangebylex,
        Name::Zrevrangebylex => range::zrevrangebylex,
        Name::Zremrangebyrank => range::zremrangebyrank,
        Name::Zremrangebyscore => range::zremrangebyscore,
        Name::Zremrangebylex => range::zremrangebylex,
        Name::Zpopmin => pop::zpopmin,
        Name::Zpopmax => pop::zpopmax,
        Name::Zmpop => pop::zmpop,
        Name::Zunion => combine::zunion,
        Name::Zinter => combine::zinter,
        Name::Zdiff => combine::zdiff,
        Name::Zunionstore => combine::zunionstore,
        Name::Zinterstore => combine::zinterstore,
        Name::Zdiffstore => combine::zdiffstore,
        Name::Zintercard => combine::zintercard,
        _ => return None,
    })
}
