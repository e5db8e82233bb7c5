//! Places on the earth: members of sorted sets whose scores are their coordinates.

mod cell;
mod search;
mod shape;
#[cfg(test)]
mod tests;

use super::Handler;
use super::sorted_sets::{Options, add_scored};
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::{Error, EventClass, ReplySink, parse_double};
use cell::{Cell, Position};
use shape::distance;
use smallvec::SmallVec;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Geoadd => geoadd,
        Name::Geodist => geodist,
        Name::Geohash => geohash,
        Name::Geopos => geopos,
        Name::Georadius => search::georadius,
        Name::GeoradiusRo => search::georadius_ro,
        Name::Georadiusbymember => search::georadiusbymember,
        Name::GeoradiusbymemberRo => search::georadiusbymember_ro,
        Name::Geosearch => search::geosearch,
        Name::Geosearchstore => search::geosearchstore,
        _ => return None,
    }))
}

/// Reads a longitude and a latitude.
fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, Error> {
    let longitude = parse_double(longitude).ok_or(Error::NotFloat)?;
    let latitude = parse_double(latitude).ok_or(Error::NotFloat)?;
    let position = Position { longitude, latitude };
    if position.is_on_map() {
        Ok(position)
    } else {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        Err(Error::Other(text.into()))
    }
}

/// How many meters a unit has.
fn unit(word: &[u8]) -> Result<f64, Error> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = units.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found
        .map(|(_, meters)| *meters)
        .ok_or(Error::text("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

fn geoadd(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let is_option = |word: &&&[u8]| ["nx", "xx", "ch"].iter().any(|name| is(word, name));
    let (options, places) = argv[2..].split_at(argv[2..].iter().take_while(is_option).count());
    let has = |name: &str| options.iter().any(|word| is(word, name));
    let (places, odd) = places.as_chunks();
    if !odd.is_empty() || has("nx") && has("xx") {
        return Err(Error::Syntax);
    }
    let mut pairs = SmallVec::<[(f64, &[u8]); 8]>::new();
    for [longitude, latitude, member] in places {
        pairs.push((Cell::of(position(longitude, latitude)?).score(), *member));
    }
    if pairs.is_empty() {
        return Err(Error::Syntax);
    }
    let mut parsed = Options::default();
    parsed.parse(&mut &*options);
    let added = add_scored(keys, argv[1], parsed, pairs.iter().copied())?;
    if added.has_changed() {
        tell_added(keys, argv[1], options, &pairs);
    }
    added.write(reply)
}

/// Tells an addition as one to a sorted set, which is what it comes to.
fn tell_added(keys: &mut Keyspace<'_>, key: &[u8], options: &[&[u8]], pairs: &[(f64, &[u8])]) {
    let scores: Vec<String> =
        pairs.iter().map(|(score, _)| itoa::Buffer::new().format(*score as u64).to_owned()).collect();
    let pairs = scores.iter().zip(pairs).flat_map(|(score, (_, member))| [score.as_bytes(), *member]);
    let args: Vec<&[u8]> = options.iter().copied().chain(pairs).collect();
    keys.changed_as(key, "zadd", &args);
    keys.notify(EventClass::SortedSet, "zadd", key);
}

/// A distance as Redis prints it: four decimals, rounded to even.
fn write_distance(distance: f64, reply: &mut dyn ReplySink) {
    let scaled = (distance * 10_000.0).round_ties_even();
    // C's conversion has its lowest number for what does not fit.
    let scaled = if scaled.abs() < 9.2e18 { scaled as i64 } else { i64::MIN };
    let (whole, rest) = (scaled.unsigned_abs() / 10_000, scaled.unsigned_abs() % 10_000);
    let sign = if scaled < 0 { "-" } else { "" };
    reply.bulk(format!("{sign}{whole}.{rest:04}").as_bytes());
}

fn geodist(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let meters = match argv[4..] {
        [] => 1.0,
        [word] => unit(word)?,
        _ => return Err(Error::Syntax),
    };
    let set = keys.sorted_set(argv[1])?;
    let position = |member: &[u8]| set.and_then(|set| set.score(member)).map(Position::of_score);
    match (position(argv[2]), position(argv[3])) {
        (Some(from), Some(to)) => write_distance(distance(from, to) / meters, reply),
        _ => reply.null(),
    }
    Ok(())
}

fn geohash(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let set = keys.sorted_set(argv[1])?;
    reply.array(argv.len() - 2);
    for member in &argv[2..] {
        match set.and_then(|set| set.score(member)) {
            Some(score) => reply.bulk(&Position::of_score(score).geohash()),
            None => reply.null(),
        }
    }
    Ok(())
}

fn geopos(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let set = keys.sorted_set(argv[1])?;
    reply.array(argv.len() - 2);
    for member in &argv[2..] {
        match set.and_then(|set| set.score(member)) {
            Some(score) => write_position(Position::of_score(score), reply),
            None => reply.null_array(),
        }
    }
    Ok(())
}

fn write_position(position: Position, reply: &mut dyn ReplySink) {
    reply.array(2);
    reply.decimal(position.longitude);
    reply.decimal(position.latitude);
}
