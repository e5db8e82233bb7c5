//! What the geo commands must do. The numbers are those of a redis-server 7.0.15.

use crate::embedded::check::Check;

fn sicily() -> Check {
    let check = Check::new();
    check.check("geoadd sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "2");
    check.changes();
    check
}

#[test]
fn places_are_members_of_a_sorted_set() {
    let check = Check::new();
    check.check("geoadd s 13.361389 38.115556 Palermo", "1");
    check.check("zscore s Palermo", "3479099956230698");
    check.check("geoadd s nx 1 1 Palermo", "0");
    check.check("geoadd s xx ch 15.087269 37.502669 Palermo 1 1 x", "1");
    check.check("geoadd s nx xx 1 1 a", "ERR syntax error");
    check.check("geoadd s nx ch nx", "ERR syntax error");
    check.check("geoadd s 1 1 a 1", "ERR syntax error");
    check.check("geoadd s 181 1 a", "ERR invalid longitude,latitude pair 181.000000,1.000000");
    check.check("geoadd s x 1 a", "ERR value is not a valid float");
    let expected =
        ["zadd s 3479099956230698 Palermo", "zadd s xx ch 3479447370796909 Palermo 3377822707026402 x"];
    assert_eq!(check.changes(), expected);
}

#[test]
fn places_are_told_and_measured() {
    let check = sicily();
    check.check("geodist sicily Palermo Catania", "166274.1516");
    check.check("geodist sicily Palermo Catania km", "166.2742");
    check.check("geodist sicily Palermo Catania MI", "103.3182");
    check.check("geodist sicily Palermo Palermo", "0.0000");
    check.check("geodist sicily Palermo nobody", "nil");
    check.check("geodist nokey a b", "nil");
    check.check("geodist sicily a b yd", "ERR unsupported unit provided. please use M, KM, FT, MI");
    check.check("geohash sicily Palermo nobody Catania", "[sqc8b49rny0 nil sqdtr74hyu0]");
    let pos = "[[13.36138933897018433 38.11555639549629859] nil]";
    check.check("geopos sicily Palermo nobody", pos);
    check.check("geopos nokey a", "[nil]");
}

#[test]
fn what_is_near_is_found() {
    let check = sicily();
    check.check("georadius sicily 15 37 200 km", "[Palermo Catania]");
    check.check("georadius sicily 15 37 200 km withdist asc", "[[Catania 56.4413] [Palermo 190.4424]]");
    check.check("georadius_ro sicily 15 37 100 km withhash", "[[Catania 3479447370796909]]");
    check.check("georadiusbymember sicily Palermo 200 km desc", "[Catania Palermo]");
    check.check("geosearch sicily fromlonlat 15 37 bybox 400 400 km asc count 1", "[Catania]");
    check.check("geosearch sicily frommember Palermo byradius 1 m", "[Palermo]");
    check.check("geosearch nokey frommember Palermo byradius 1 m", "[]");
    check.check("georadiusbymember nokey x 1 nounit", "[]");
}

#[test]
fn what_is_found_is_stored() {
    let check = sicily();
    check.check("georadius sicily 15 37 200 km store d", "2");
    check.check("zscore d Palermo", "3479099956230698");
    check.check("geosearchstore d sicily fromlonlat 15 37 byradius 100 km storedist", "1");
    check.check("zrange d 0 -1 withscores", "[Catania=56.441257870158204]");
    check.check("geosearchstore d nokey fromlonlat 15 37 byradius 100 km", "0");
    check.check("exists d", "0");
    assert_eq!(check.changes().len(), 3);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let check = sicily();
    let line = "georadius sicily 15 37 200 km store d withdist";
    let text =
        "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    check.check(line, text);
    check.check("georadius_ro sicily 15 37 200 km store d", "ERR syntax error");
    check.check("georadius sicily 15 37 -1 km", "ERR radius cannot be negative");
    check.check("georadius sicily 15 37 x km", "ERR need numeric radius");
    check.check("georadius sicily 15 37 1 km count 0", "ERR COUNT must be > 0");
    check.check("georadius sicily 15 37 1 km any", "ERR the ANY argument requires COUNT argument");
    let text = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch";
    check.check("geosearch sicily byradius 1 km asc asc asc", text);
    let text = "ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH";
    check.check("GEOSEARCH sicily fromlonlat 1 1 asc asc asc", text);
    check.check("geosearch sicily fromlonlat 1 1 frommember x byradius 1 m", "ERR syntax error");
    check.check(
        "geosearch sicily frommember x byradius 1 m any",
        "ERR could not decode requested zset member",
    );
}
