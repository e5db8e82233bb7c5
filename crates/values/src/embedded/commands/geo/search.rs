//! Which places are near: the older commands, whose arguments have their places, and the newer, in which
//! all is an option.

use super::cell::Position;
use super::shape::{Outline, Shape};
use super::{position, unit, write_distance, write_position};
use crate::embedded::Keyspace;
use crate::embedded::commands::part_sort::sort_part;
use crate::embedded::commands::sorted_sets::store;
use crate::embedded::values::{ScoreRange, SortedSet, Value};
use crate::{Error, ReplySink, parse_double, parse_integer};

/// What sets the commands apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `GEORADIUS` and `GEORADIUSBYMEMBER`.
    Radius,
    /// The same, but that they only read.
    RadiusRead,
    Search,
    SearchStore,
}

impl Dialect {
    fn is_radius(self) -> bool {
        matches!(self, Dialect::Radius | Dialect::RadiusRead)
    }
}

/// In which order places are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Nearest,
    Farthest,
}

/// What is asked for.
struct Query<'a> {
    dialect: Dialect,
    center: Option<Position>,
    /// A member was named to be the center, even if there are no members.
    has_member: bool,
    outline: Option<(Outline, f64)>,
    direction: Option<Direction>,
    /// Zero is no limit.
    count: usize,
    /// Any so many will do.
    any: bool,
    with_distance: bool,
    with_score: bool,
    with_position: bool,
    target: Option<&'a [u8]>,
    /// Whether distances are stored as scores.
    stores_distance: bool,
}

fn member_position(set: &SortedSet, member: &[u8]) -> Result<Position, Error> {
    let score = set.score(member).ok_or(Error::text("ERR could not decode requested zset member"))?;
    Ok(Position::of_score(score))
}

fn circle(radius: &[u8], unit_name: &[u8]) -> Result<(Outline, f64), Error> {
    let radius = parse_double(radius).ok_or(Error::text("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::text("ERR radius cannot be negative"));
    }
    Ok((Outline::Circle { radius }, unit(unit_name)?))
}

fn rectangle(width: &[u8], height: &[u8], unit_name: &[u8]) -> Result<(Outline, f64), Error> {
    let width = parse_double(width).ok_or(Error::text("ERR need numeric width"))?;
    let height = parse_double(height).ok_or(Error::text("ERR need numeric height"))?;
    if height < 0.0 || width < 0.0 {
        return Err(Error::text("ERR height or width cannot be negative"));
    }
    Ok((Outline::Box { width, height }, unit(unit_name)?))
}

impl<'a> Query<'a> {
    fn new(dialect: Dialect) -> Self {
        Query {
            dialect,
            center: None,
            has_member: false,
            outline: None,
            direction: None,
            count: 0,
            any: false,
            with_distance: false,
            with_score: false,
            with_position: false,
            target: None,
            stores_distance: false,
        }
    }

    /// Reads the options. `set` is where a member named as the center is looked for.
    fn parse_options(&mut self, mut words: &[&'a [u8]], set: Option<&SortedSet>) -> Result<(), Error> {
        while let [word, rest @ ..] = words {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            words = rest;
            if is("withdist") {
                self.with_distance = true;
            } else if is("withhash") {
                self.with_score = true;
            } else if is("withcoord") {
                self.with_position = true;
            } else if is("any") {
                self.any = true;
            } else if is("asc") {
                self.direction = Some(Direction::Nearest);
            } else if is("desc") {
                self.direction = Some(Direction::Farthest);
            } else if let [count, rest @ ..] = rest
                && is("count")
            {
                self.count = parse_count(count)?;
                words = rest;
            } else {
                words = self.parse_store(word, rest).map_or_else(|| self.parse_shape(word, rest, set), Ok)?;
            }
        }
        Ok(())
    }

    /// Reads where to store; the words behind, if it is that.
    fn parse_store<'w>(&mut self, word: &[u8], rest: &'w [&'a [u8]]) -> Option<&'w [&'a [u8]]> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match (self.dialect, rest) {
            (Dialect::SearchStore, _) if is("storedist") => {
                self.stores_distance = true;
                Some(rest)
            }
            (Dialect::Radius, [target, rest @ ..]) if is("store") || is("storedist") => {
                self.target = Some(target);
                self.stores_distance = is("storedist");
                Some(rest)
            }
            _ => None,
        }
    }

    /// Reads what the newer commands say of the shape; the words behind.
    fn parse_shape<'w>(
        &mut self,
        word: &[u8],
        rest: &'w [&'a [u8]],
        set: Option<&SortedSet>,
    ) -> Result<&'w [&'a [u8]], Error> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if self.dialect.is_radius() {
            return Err(Error::Syntax);
        }
        let has_place = self.center.is_some() && !self.has_member;
        match rest {
            [member, rest @ ..] if is("frommember") && !has_place => {
                if let Some(set) = set {
                    self.center = Some(member_position(set, member)?);
                }
                self.has_member = true;
                Ok(rest)
            }
            [longitude, latitude, rest @ ..] if is("fromlonlat") && !self.has_member => {
                self.center = Some(position(longitude, latitude)?);
                Ok(rest)
            }
            [radius, unit, rest @ ..]
                if is("byradius") && !matches!(self.outline, Some((Outline::Box { .. }, _))) =>
            {
                self.outline = Some(circle(radius, unit)?);
                Ok(rest)
            }
            [width, height, unit, rest @ ..]
                if is("bybox") && !matches!(self.outline, Some((Outline::Circle { .. }, _))) =>
            {
                self.outline = Some(rectangle(width, height, unit)?);
                Ok(rest)
            }
            _ => Err(Error::Syntax),
        }
    }

    /// Refuses what does not go together. `name` is the command as the client wrote it.
    fn check(&self, name: &[u8]) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::Other(text.into()));
        if self.target.is_some() && (self.with_distance || self.with_score || self.with_position) {
            let what = if self.dialect.is_radius() { "STORE option in GEORADIUS" } else { "GEOSEARCHSTORE" };
            return refuse(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            ));
        }
        if !self.dialect.is_radius() {
            let name = String::from_utf8_lossy(name);
            if self.center.is_none() && !self.has_member {
                return refuse(format!(
                    "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
                ));
            }
            if self.outline.is_none() {
                return refuse(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"));
            }
        }
        if self.any && self.count == 0 {
            return Err(Error::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// What is searched, if it is known where.
    fn shape(&self) -> Option<Shape> {
        let (outline, unit_meters) = self.outline?;
        Some(Shape { center: self.center?, outline, unit_meters })
    }

    /// The places asked for, in the order asked for.
    fn find<'s>(&self, set: &'s SortedSet, shape: &Shape) -> Vec<Found<'s>> {
        let limit = if self.any { self.count } else { usize::MAX };
        let mut found = Vec::new();
        for cell in shape.cells() {
            let (min, max) = cell.scores();
            for (member, score) in set.range(set.ranks_by_score(&ScoreRange::up_to(min, max))) {
                if found.len() >= limit {
                    break;
                }
                let position = Position::of_score(score);
                if let Some(meters) = shape.reach(position) {
                    found.push(Found { member, score, position, meters });
                }
            }
        }
        let kept = if self.count == 0 { found.len() } else { self.count.min(found.len()) };
        // The nearest so many, unless any will do.
        let by_default = (self.count > 0 && !self.any).then_some(Direction::Nearest);
        if let Some(direction) = self.direction.or(by_default) {
            let compare = |one: &Found<'_>, other: &Found<'_>| {
                let order = c_order(one.meters, other.meters);
                if direction == Direction::Farthest { order.reverse() } else { order }
            };
            if kept == found.len() {
                found.sort_by(compare);
            } else {
                sort_part(&mut found, 0..kept, compare);
            }
        }
        found.truncate(kept);
        found
    }
}

/// The order of distances. One that is not a number lies before all others.
fn c_order(one: f64, other: f64) -> std::cmp::Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| other.is_nan().cmp(&one.is_nan()))
}

fn parse_count(word: &[u8]) -> Result<usize, Error> {
    let count = parse_integer(word).ok_or(Error::NotInteger)?;
    usize::try_from(count).ok().filter(|&count| count > 0).ok_or(Error::text("ERR COUNT must be > 0"))
}

/// A place that is near enough.
struct Found<'s> {
    member: &'s [u8],
    score: f64,
    position: Position,
    meters: f64,
}

/// Answers a query of the key `source`, or stores what it finds.
fn answer(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    source: &[u8],
    query: &Query<'_>,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    query.check(argv[0])?;
    // Whoever asked has looked at its type.
    let set = match keys.peek(source) {
        Some(Value::SortedSet(set)) => Some(set),
        _ => None,
    };
    let found = match (set, query.shape()) {
        (Some(set), Some(shape)) => query.find(set, &shape),
        _ => Vec::new(),
    };
    let unit_meters = query.outline.map_or(1.0, |(_, meters)| meters);
    let Some(target) = query.target else {
        write_found(&found, query, unit_meters, reply);
        return Ok(());
    };
    let score = |found: &Found<'_>| {
        if query.stores_distance { found.meters / unit_meters } else { found.score }
    };
    let members: Vec<_> = found.iter().map(|found| (found.member, score(found))).collect();
    let result = SortedSet::new(&members);
    let searches = argv[0].eq_ignore_ascii_case(b"geosearchstore");
    let event = if searches { "geosearchstore" } else { "georadiusstore" };
    store(keys, target, result, event, reply);
    Ok(())
}

fn write_found(found: &[Found<'_>], query: &Query<'_>, unit_meters: f64, reply: &mut dyn ReplySink) {
    let options = [query.with_distance, query.with_score, query.with_position];
    let more = options.iter().filter(|asked| **asked).count();
    reply.array(found.len());
    for found in found {
        if more > 0 {
            reply.array(1 + more);
        }
        reply.bulk(found.member);
        if query.with_distance {
            write_distance(found.meters / unit_meters, reply);
        }
        if query.with_score {
            reply.integer(found.score as i64);
        }
        if query.with_position {
            write_position(found.position, reply);
        }
    }
}

/// `GEORADIUS key longitude latitude radius unit …`
fn around_position(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    dialect: Dialect,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut query = Query::new(dialect);
    keys.notice_missing(argv[1]);
    let set = keys.sorted_set(argv[1])?;
    query.center = Some(position(argv[2], argv[3])?);
    query.outline = Some(circle(argv[4], argv[5])?);
    query.parse_options(&argv[6..], set)?;
    answer(keys, argv, argv[1], &query, reply)
}

/// `GEORADIUSBYMEMBER key member radius unit …`
fn around_member(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    dialect: Dialect,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut query = Query::new(dialect);
    keys.notice_missing(argv[1]);
    let set = keys.sorted_set(argv[1])?;
    // Without the key, what is asked for is not looked at.
    if let Some(set) = set {
        query.center = Some(member_position(set, argv[2])?);
        query.outline = Some(circle(argv[3], argv[4])?);
    }
    query.parse_options(&argv[5..], set)?;
    answer(keys, argv, argv[1], &query, reply)
}

pub(super) fn georadius(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    around_position(keys, argv, Dialect::Radius, reply)
}

pub(super) fn georadius_ro(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    around_position(keys, argv, Dialect::RadiusRead, reply)
}

pub(super) fn georadiusbymember(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    around_member(keys, argv, Dialect::Radius, reply)
}

pub(super) fn georadiusbymember_ro(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    around_member(keys, argv, Dialect::RadiusRead, reply)
}

pub(super) fn geosearch(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut query = Query::new(Dialect::Search);
    query.parse_options(&argv[2..], keys.sorted_set(argv[1])?)?;
    answer(keys, argv, argv[1], &query, reply)
}

pub(super) fn geosearchstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut query = Query::new(Dialect::SearchStore);
    query.target = Some(argv[1]);
    keys.notice_missing(argv[2]);
    query.parse_options(&argv[3..], keys.sorted_set(argv[2])?)?;
    answer(keys, argv, argv[2], &query, reply)
}
