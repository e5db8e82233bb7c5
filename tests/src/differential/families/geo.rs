//! Places on the earth: many on a few spots, so that some lie together, and some at the edges of the map.

use super::Family;
use crate::differential::random::Random;

/// The commands on places. The keys hold sorted sets, some of them of other scores.
pub const FAMILY: Family = Family {
    commands: &[
        (12, "GEOADD <place> { <longitude> <latitude> <member> }"),
        (4, "GEOADD <place> %( [ NX | XX ] [ CH ] ) { <longitude> <latitude> <member> }"),
        (2, "ZADD <place> <score> <member>"),
        (3, "GEODIST <place> <member> <member> [ <unit> ]"),
        (2, "GEOHASH <place> { <member> }"),
        (1, "GEOHASH <place>"),
        (2, "GEOPOS <place> { <member> }"),
        (
            3,
            "GEORADIUS <place> <longitude> <latitude> <radius> <unit> \
             %( [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] [ COUNT <increment> [ ANY ] ] [ ASC | DESC ] )",
        ),
        (
            2,
            "GEORADIUS <place> <longitude> <latitude> <radius> <unit> \
             %( [ COUNT <increment> ] [ ASC | DESC ] [ STORE <place> ] [ STOREDIST <place> ] [ WITHDIST ] )",
        ),
        (
            2,
            "GEORADIUS_RO <place> <longitude> <latitude> <radius> <unit> \
             %( [ WITHDIST ] [ COUNT <count> [ ANY ] ] [ ASC | DESC ] [ STORE <place> ] )",
        ),
        (
            3,
            "GEORADIUSBYMEMBER <place> <member> <radius> <unit> \
             %( [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] [ COUNT <count> [ ANY ] ] [ ASC | DESC ] )",
        ),
        (2, "GEORADIUSBYMEMBER <place> <member> <radius> <unit> ( STORE | STOREDIST ) <place>"),
        (1, "GEORADIUSBYMEMBER_RO <place> <member> <radius> <unit> [ WITHDIST ]"),
        (
            8,
            "GEOSEARCH <place> %( ( FROMMEMBER <member> | FROMLONLAT <longitude> <latitude> ) \
             ( BYRADIUS <radius> <unit> | BYBOX <radius> <radius> <unit> ) \
             [ COUNT <count> [ ANY ] ] [ ASC | DESC ] [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] )",
        ),
        (
            1,
            "GEOSEARCH <place> { FROMMEMBER <member> | FROMLONLAT 1 1 | BYRADIUS 1 KM | BYBOX 1 2 KM | ANY }",
        ),
        (
            4,
            "GEOSEARCHSTORE <place> <place> %( ( FROMMEMBER <member> | FROMLONLAT <longitude> <latitude> ) \
             ( BYRADIUS <radius> <unit> | BYBOX <radius> <radius> <unit> ) \
             [ COUNT <count> [ ANY ] ] [ ASC | DESC ] [ STOREDIST ] [ WITHDIST ] )",
        ),
    ],
    keys: &[("place", b'g')],
    word,
    rule: |_, _| None,
    dump: |_| None,
    tame: |_| {},
};

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let text = match name {
        "longitude" => coordinate(random, 180.0, "180.000001"),
        "latitude" => coordinate(random, 85.05112878, "85.0512"),
        "radius" => match random.below(12) {
            0 => (*random.pick(&["0", "-1", "inf", "abc", "1e308", "0.0001"])).to_owned(),
            1..=3 => random.between(5_000, 30_000).to_string(),
            4..=6 => random.between(100, 5_000).to_string(),
            _ => format!("{}.5", random.between(0, 500)),
        },
        "unit" => (*random.pick(&["m", "km", "KM", "km", "ft", "mi", "km", "yd"])).to_owned(),
        _ => return None,
    };
    Some(text.into_bytes())
}

fn coordinate(random: &mut Random, edge: f64, beyond: &str) -> String {
    match random.below(20) {
        0 => edge.to_string(),
        1 => (-edge).to_string(),
        2 if random.chance(30) => (*random.pick(&[beyond, "abc", "nan", "inf", "1e300", ""])).to_owned(),
        3..=10 => random.between(-3, 3).to_string(),
        11..=13 => format!("{}.{}", random.between(-85, 85), random.between(0, 999_999)),
        _ => format!("13.{:06}", random.between(0, 99_999)),
    }
}
