//! What the commands of sorted sets answer and what they tell monitors, as redis-server 7.0.15 does.

use crate::Reply;
use crate::embedded::check::Check;
use std::collections::BTreeSet;

/// A key space with `z`: a to e with scores 1 to 5.
fn five() -> Check {
    let check = Check::new();
    check.check("zadd z 1 a 2 b 3 c 4 d 5 e", "5");
    check.changes();
    check
}

/// A key space with `l`: members of one score.
fn lexical() -> Check {
    let check = Check::new();
    check.check("zadd l 0 a 0 b 0 ba 0 c 0 d", "5");
    check.changes();
    check
}

#[test]
fn zadd_adds_moves_and_counts() {
    let check = Check::new();
    check.check("zadd z 1 a 2 b", "2");
    check.check("zadd z 3 a 4 c", "1");
    check.check("zadd z ch 3 a 5 b 6 d", "2");
    check.check("zrange z 0 -1 withscores", "[a=3 c=4 b=5 d=6]");
    assert_eq!(check.changes(), ["zadd z 1 a 2 b", "zadd z 3 a 4 c", "zadd z ch 3 a 5 b 6 d"]);
    check.check("zadd z 3 a", "0");
    check.check("zadd z ch 3 a", "0");
    assert_eq!(check.changes(), [""; 0], "nothing changed");
}

#[test]
fn the_options_of_zadd_narrow_what_it_does() {
    let check = five();
    check.check("zadd z nx 9 a 9 f", "1");
    check.check("zadd z xx ch 8 a 8 g", "1");
    check.check("zadd z gt ch 7 a 7 b", "1");
    check.check("zadd z LT CH 9 a 6 b", "1");
    check.check("zadd z gt 1 h", "1");
    check.check("zrange z 0 -1 withscores", "[h=1 c=3 d=4 e=5 b=6 a=8 f=9]");
    check.changes();
    check.check("zadd none xx 1 a", "0");
    check.check("get none", "nil");
    check.check("zadd z nx 1 a", "0");
    assert_eq!(check.changes(), [""; 0]);
}

#[test]
fn zadd_incr_answers_the_score() {
    let check = five();
    check.check("zadd z incr 2.5 a", "3.5");
    check.check("zadd z incr 1 new", "1");
    check.check("zadd z nx incr 1 a", "nil");
    check.check("zadd z xx incr 1 none", "nil");
    check.check("zadd z gt incr -1 a", "nil");
    check.check("zincrby z -0.5 a", "3");
    check.check("zincrby z 0 a", "3");
    assert_eq!(check.changes(), ["zadd z incr 2.5 a", "zadd z incr 1 new", "zincrby z -0.5 a"]);
    check.check("zadd z inf i", "1");
    check.check("zincrby z -inf i", "ERR resulting score is not a number (NaN)");
    check.check("zscore z i", "inf");
}

#[test]
fn zadd_refuses_what_does_not_fit_together() {
    let check = Check::new();
    check.check("zadd z nx xx 1 a", "ERR XX and NX options at the same time are not compatible");
    for options in ["gt lt", "nx gt", "nx lt"] {
        check.check(
            &format!("zadd z {options} 1 a"),
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        );
    }
    check.check("zadd z incr 1 a 2 b", "ERR INCR option supports a single increment-element pair");
    check.check("zadd z ch ch", "ERR syntax error");
    check.check("zadd z 1 a 2", "ERR syntax error");
    check.check("zincrby z nx a", "ERR syntax error");
    for score in ["nan", "1e400", "''", "1x", "nx"] {
        check.check(&format!("zadd z 1 a {score} b"), "ERR value is not a valid float");
    }
    check.check("get z", "nil");
    check.check("append s x", "1");
    check.check("zadd s x a", "ERR value is not a valid float");
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    check.check("zadd s 1 a", wrong);
    check.check("zadd s xx 1 a", wrong);
}

#[test]
fn the_last_member_takes_the_key_with_it() {
    for line in [
        "zrem z a b c d e",
        "zpopmin z 9",
        "zpopmax z 5",
        "zremrangebyrank z 0 -1",
        "zremrangebyscore z -inf +inf",
        "zremrangebylex z - +",
    ] {
        let check = five();
        check.run(line);
        check.check("get z", "nil");
        assert_eq!(check.changes(), [line]);
    }
}

#[test]
fn zrem_counts_what_was_there() {
    let check = five();
    check.check("zrem z a a x c", "2");
    check.check("zrem z x", "0");
    check.check("zrem none x", "0");
    check.check("zrange z 0 -1", "[b d e]");
    assert_eq!(check.changes(), ["zrem z a a x c"]);
}

#[test]
fn scores_ranks_and_counts() {
    let check = five();
    check.check("zcard z", "5");
    check.check("zcard none", "0");
    check.check("zscore z c", "3");
    check.check("zscore z x", "nil");
    check.check("zmscore z a x b", "[1 nil 2]");
    check.check("zmscore none a", "[nil]");
    check.check("zrank z a", "0");
    check.check("zrevrank z a", "4");
    check.check("zrank z x", "nil");
    check.check("zrevrank none a", "nil");
    check.check("zcount z (1 4", "3");
    check.check("zcount z 4 1", "0");
    check.check("zcount z nan 1", "ERR min or max is not a float");
    check.check("zlexcount z x y", "ERR min or max not valid string range item");
    lexical().check("zlexcount l [b (c", "2");
    assert_eq!(check.run("zscore z c"), Reply::Double(3.0));
}

#[test]
fn ranges_by_rank_count_from_both_ends() {
    let check = five();
    check.check("zrange z 1 2", "[b c]");
    check.check("zrange z -2 -1 withscores", "[d=4 e=5]");
    check.check("zrange z 0 1 rev", "[e d]");
    check.check("zrevrange z 0 1 WITHSCORES", "[e=5 d=4]");
    check.check("zrange z 3 100", "[d e]");
    check.check("zrange z 5 9", "[]");
    check.check("zrange z -9223372036854775808 9223372036854775807", "[a b c d e]");
    check.check("zrange z 0 -1 limit 0 -1", "[a b c d e]");
    check.check("zrange none 0 -1", "[]");
}

#[test]
fn ranges_by_score_have_open_and_closed_ends() {
    let check = five();
    check.check("zrange z (1 3 byscore", "[b c]");
    check.check("zrange z 3 (1 byscore rev withscores", "[c=3 b=2]");
    check.check("zrangebyscore z -inf +inf limit 1 2", "[b c]");
    check.check("zrevrangebyscore z +inf -inf limit 1 2", "[d c]");
    check.check("zrangebyscore z -inf +inf limit -1 2", "[]");
    check.check("zrangebyscore z -inf +inf limit 3 -1", "[d e]");
    check.check("zrangebyscore z (3 (3", "[]");
    check.check("zrangebyscore z 2 1", "[]");
}

#[test]
fn ranges_by_lex_compare_bytes() {
    let check = lexical();
    check.check("zrange l [b (c bylex", "[b ba]");
    check.check("zrange l + (b bylex rev limit 1 2", "[c ba]");
    check.check("zrangebylex l - [b", "[a b]");
    check.check("zrevrangebylex l + -", "[d c ba b a]");
    check.check("zrangebylex l + -", "[]");
    check.check("zrangebylex l (b (b", "[]");
}

#[test]
fn ranges_refuse_what_does_not_fit_together() {
    let check = five();
    check.check(
        "zrange z 0 1 limit 0 1",
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
    );
    check.check(
        "zrange z - + bylex withscores",
        "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
    );
    for line in [
        "zrange z 0 1 rev rev",
        "zrange z 0 1 byscore bylex",
        "zrevrange z 0 1 rev",
        "zrangebyscore z 0 1 byscore",
        "zrange z 0 1 byscore limit 0",
        "zrangestore d z 0 1 withscores",
    ] {
        check.check(line, "ERR syntax error");
    }
    check.check("zrange z 0 x", "ERR value is not an integer or out of range");
    check.check("zrange z 0 x byscore", "ERR min or max is not a float");
    check.check("zrange none a b bylex", "ERR min or max not valid string range item");
}

#[test]
fn a_range_is_stored_over_whatever_was_there() {
    let check = five();
    check.check("append d x", "1");
    check.changes();
    check.check("zrangestore d z 3 +inf byscore limit 0 2", "2");
    check.check("zrange d 0 -1 withscores", "[c=3 d=4]");
    check.check("zrangestore d z 9 9", "0");
    check.check("get d", "nil");
    check.check("zrangestore d none 0 -1", "0");
    check.check("zrangestore z z 0 0", "1");
    assert_eq!(
        check.changes(),
        ["zrangestore d d z 3 +inf byscore limit 0 2", "zrangestore d d z 9 9", "zrangestore z z z 0 0"]
    );
}

#[test]
fn a_range_is_removed() {
    let check = five();
    check.check("zremrangebyrank z -1 -1", "1");
    check.check("zremrangebyscore z (1 2", "1");
    check.check("zremrangebyscore z 9 10", "0");
    check.check("zremrangebyrank none 0 1", "0");
    check.check("zrange z 0 -1", "[a c d]");
    assert_eq!(check.changes(), ["zremrangebyrank z -1 -1", "zremrangebyscore z (1 2"]);
    let check = lexical();
    check.check("zremrangebylex l [b [c", "3");
    check.check("zrange l 0 -1", "[a d]");
    check.check("zremrangebylex l x y", "ERR min or max not valid string range item");
}

#[test]
fn popping_takes_from_an_end() {
    let check = five();
    check.check("zpopmin z", "[a 1]");
    check.check("zpopmax z 2", "[e=5 d=4]");
    check.check("zpopmin z 0", "[]");
    check.check("zpopmin none", "[]");
    check.check("zpopmin z -1", "ERR value is out of range, must be positive");
    check.check("zpopmin z x", "ERR value is out of range, must be positive");
    check.check("zpopmin z 1 2", "ERR syntax error");
    check.check("zrange z 0 -1", "[b c]");
    assert_eq!(check.changes(), ["zpopmin z", "zpopmax z 2"]);
}

#[test]
fn zmpop_takes_from_the_first_key_that_has_members() {
    let check = five();
    check.check("zmpop 2 none z min", "[z [[a 1]]]");
    check.check("zmpop 2 none z MAX count 2", "[z [[e 5] [d 4]]]");
    check.check("zmpop 1 z min count 10", "[z [[b 2] [c 3]]]");
    check.check("zmpop 1 z min", "nil");
    assert_eq!(check.changes(), ["zpopmin z 1", "zpopmax z 2", "zpopmin z 2"]);
    check.check("zmpop 0 z min", "ERR numkeys should be greater than 0");
    check.check("zmpop 1 z min count 0", "ERR count should be greater than 0");
    for line in ["zmpop 3 z min", "zmpop 1 z foo", "zmpop 1 z min foo", "zmpop 1 z min count 1 count 1"] {
        check.check(line, "ERR syntax error");
    }
}

#[test]
fn sets_of_both_kinds_are_combined() {
    let check = Check::new();
    check.check("zadd x 1 a 2 b 3 c", "3");
    check.check("zadd y 10 b 20 c 30 d", "3");
    check.check("zunion 2 x y withscores", "[a=1 b=12 c=23 d=30]");
    check.check("zunion 2 x y weights 2 -1 aggregate min withscores", "[d=-30 c=-20 b=-10 a=2]");
    check.check("zinter 2 x y aggregate max withscores", "[b=10 c=20]");
    check.check("zinter 3 x y none", "[]");
    check.check("zdiff 2 x y withscores", "[a=1]");
    check.check("zdiff 2 x x", "[]");
    check.check("zintercard 2 x y", "2");
    check.check("zintercard 2 x y limit 1", "1");
    check.check("zintercard 2 x y limit 0", "2");
    check.changes();
    check.check("zunionstore x 2 x y weights 1 0", "4");
    check.check("zrange x 0 -1 withscores", "[d=0 a=1 b=2 c=3]");
    check.check("zinterstore d 2 x none", "0");
    check.check("zdiffstore x 2 x x", "0");
    check.check("get x", "nil");
    assert_eq!(check.changes(), ["zunionstore x x 2 x y weights 1 0", "zdiffstore x x 2 x x"]);
}

#[test]
fn what_is_no_number_counts_as_zero_in_a_union() {
    let check = Check::new();
    check.check("zadd x inf a 0 b", "2");
    check.check("zadd y -inf a", "1");
    check.check("zunion 2 x y withscores", "[a=0 b=0]");
    check.check("zunion 1 x weights 0 withscores", "[a=0 b=0]");
}

#[test]
fn combinations_refuse_in_the_order_of_redis() {
    let check = five();
    check.check("append s x", "1");
    check.check("zunion 0 z", "ERR at least 1 input key is needed for 'zunion' command");
    check.check("zunionstore d 0 z", "ERR at least 1 input key is needed for 'zunionstore' command");
    check.check("zunion x z", "ERR value is not an integer or out of range");
    check.check("zunion 2 z", "ERR syntax error");
    check.check("zunion 1 s foo", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check.check("zinter 1 z weights x", "ERR weight value is not a float");
    for line in [
        "zinter 1 z weights",
        "zinter 1 z aggregate foo",
        "zdiff 1 z weights 1",
        "zunionstore d 1 z withscores",
        "zintercard 1 z limit",
        "zintercard 1 z foo 1",
    ] {
        check.check(line, "ERR syntax error");
    }
    check.check("zintercard 1 z limit -1", "ERR LIMIT can't be negative");
}

#[test]
fn random_members_are_different_or_repeated() {
    let check = five();
    let Reply::Bulk(member) = check.run("zrandmember z") else { panic!("a member") };
    assert!(b"abcde".contains(&member[0]));
    let Reply::Array(members) = check.run("zrandmember z 3") else { panic!("members") };
    let names: BTreeSet<String> = members.iter().map(|member| format!("{member:?}")).collect();
    assert_eq!(names.len(), 3);
    let Reply::Pairs(pairs) = check.run("zrandmember z -20 withscores") else { panic!("pairs") };
    assert_eq!(pairs.len(), 20);
    check.check("zrandmember z 0", "[]");
    check.check("zrandmember none", "nil");
    check.check("zrandmember none 2", "[]");
    check.check("zrandmember z 1 foo", "ERR syntax error");
    check.check("zrandmember z 4611686018427387905 withscores", "ERR value is out of range");
    check.check("zrandmember z -9223372036854775807", "ERR value is out of range");
    assert_eq!(check.changes(), [""; 0]);
}

#[test]
fn a_small_set_is_scanned_at_once_with_its_scores() {
    let check = five();
    check.check("zscan z 0", "[0 [a 1 b 2 c 3 d 4 e 5]]");
    check.check("zscan z 0 match [bc] count 1", "[0 [b 2 c 3]]");
    check.check("zscan none 0 count 0", "[0 []]");
    check.check("zscan z 0 count 0", "ERR syntax error");
    check.check("zscan none 1x", "ERR invalid cursor");
    check.check("zadd w 1152921504606846976 a", "1");
    check.check("zscan w 0", "[0 [a 1152921504606846976]]");
    check.check("zscore w a", "1.152921504606847e+18");
}

#[test]
fn a_large_set_is_scanned_page_by_page() {
    let check = Check::new();
    for number in 0..500 {
        check.run(&format!("zadd z {number} m{number}"));
    }
    let (mut cursor, mut seen, mut pages) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let Reply::Array(page) = check.run(&format!("zscan z {cursor} count 20")) else { panic!("a page") };
        let [Reply::Bulk(next), Reply::Array(words)] = &page[..] else { panic!("cursor and words") };
        seen.extend(words.chunks(2).map(|pair| format!("{:?}", pair[0])));
        pages += 1;
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (500, 25));
}

#[test]
fn a_small_set_knows_one_zero_and_a_large_one_two() {
    let check = Check::new();
    check.check("zadd z -0 a", "1");
    check.check("zscore z a", "0");
    let long = "m".repeat(65);
    check.check(&format!("zadd y -0 {long}"), "1");
    check.check(&format!("zscore y {long}"), "-0");
    check.check("zunion 1 z weights -1 withscores", "[a=-0]");
}
