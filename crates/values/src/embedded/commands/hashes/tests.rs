use crate::embedded::check::Check;
use crate::{Error, Reply};
use std::collections::BTreeSet;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn fields_are_set_read_and_counted() {
    let check = Check::new();
    check.check("hset h a 1 b 2 a 3", "2");
    check.check("hset h a 3", "0");
    check.check("hmset h c 4", "OK");
    check.check("hget h a", "3");
    check.check("hget h x", "nil");
    check.check("hget none a", "nil");
    check.check("hmget h a x c", "[3 nil 4]");
    check.check("hmget none a", "[nil]");
    check.check("hgetall h", "{a=3 b=2 c=4}");
    check.check("hkeys h", "[a b c]");
    check.check("hvals h", "[3 2 4]");
    check.check("hlen h", "3");
    check.check("hstrlen h a", "1");
    check.check("hstrlen h x", "0");
    check.check("hexists h a", "1");
    check.check("hexists h x", "0");
    check.check("hsetnx h a 9", "0");
    check.check("hsetnx h d 9", "1");
    assert_eq!(check.changes(), ["hset h a 1 b 2 a 3", "hset h a 3", "hmset h c 4", "hsetnx h d 9"]);
}

#[test]
fn an_absent_hash_is_an_empty_one() {
    let check = Check::new();
    check.check("hgetall h", "{}");
    check.check("hkeys h", "[]");
    check.check("hvals h", "[]");
    check.check("hlen h", "0");
    check.check("hdel h a", "0");
    check.check("hrandfield h", "nil");
    check.check("hrandfield h 3 withvalues", "[]");
    check.check("hscan h 0 nonsense", "[0 []]");
    assert!(check.changes().is_empty());
}

#[test]
fn a_hash_goes_with_its_last_field() {
    let check = Check::new();
    check.run("hset h a 1 b 2");
    check.check("hdel h a x a", "1");
    check.check("hdel h x", "0");
    check.check("hdel h b", "1");
    assert!(check.engine().is_empty());
    assert_eq!(check.changes(), ["hset h a 1 b 2", "hdel h a x a", "hdel h b"]);
}

#[test]
fn a_field_without_value_and_a_key_of_another_type_are_refused() {
    let check = Check::new();
    check.check("hset h a", "ERR wrong number of arguments for 'hset' command");
    check.check("hset h a 1 b", "ERR wrong number of arguments for 'hset' command");
    check.check("hmset h a 1 b", "ERR wrong number of arguments for 'hmset' command");
    check.run("append s x");
    check.changes();
    for line in [
        "hset s a 1",
        "hget s a",
        "hmget s a",
        "hgetall s",
        "hdel s a",
        "hincrby s a 1",
        "hscan s 0 nonsense",
    ] {
        check.check(line, WRONG_TYPE);
    }
    check.check("hset s a", "ERR wrong number of arguments for 'hset' command");
    check.check("hincrby s a x", "ERR value is not an integer or out of range");
    assert!(check.changes().is_empty());
}

#[test]
fn integers_are_summed_within_64_bits() {
    let check = Check::new();
    check.check("hincrby h n 5", "5");
    check.check("hincrby h n -7", "-2");
    check.check("hincrby h n 9223372036854775807", "9223372036854775805");
    check.check("hincrby h n 3", "ERR increment or decrement would overflow");
    check.run("hset h t text");
    check.check("hincrby h t 1", "ERR hash value is not an integer");
    assert_eq!(check.changes().len(), 4);
}

#[test]
fn fractions_are_summed_as_decimals_and_told_as_the_value_they_set() {
    let check = Check::new();
    check.check("hincrbyfloat h n 0.1", "0.1");
    check.check("hincrbyfloat h n 0.2", "0.3");
    assert_eq!(check.changes(), ["hset h n 0.1", "hset h n 0.3"]);
    check.run("hset h t text i inf");
    check.changes();
    check.check("hincrbyfloat h n x", "ERR value is not a valid float");
    check.check("hincrbyfloat h n inf", "ERR value is NaN or Infinity");
    check.check("hincrbyfloat h t 1", "ERR hash value is not a float");
    check.check("hincrbyfloat h i 1", "ERR increment would produce NaN or Infinity");
    check.check("hincrbyfloat none n inf", "ERR value is NaN or Infinity");
    check.check("hlen none", "0");
    assert!(check.changes().is_empty());
}

#[test]
fn random_fields_come_from_the_hash() {
    let check = Check::new();
    check.run("hset h a 1");
    check.check("hrandfield h", "a");
    check.check("hrandfield h 5", "[a]");
    check.check("hrandfield h 0", "[]");
    check.check("hrandfield h -3", "[a a a]");
    check.check("hrandfield h -2 WithValues", "[a=1 a=1]");
    for fields in [20, 500] {
        let key = format!("h{fields}");
        (0..fields).for_each(|field| drop(check.run(&format!("hset {key} {field} {field}"))));
        let Reply::Array(drawn) = check.run(&format!("hrandfield {key} 15")) else { panic!("an array") };
        assert_eq!(drawn.iter().map(|field| format!("{field:?}")).collect::<BTreeSet<_>>().len(), 15);
        let Reply::Pairs(drawn) = check.run(&format!("hrandfield {key} -1000 withvalues")) else {
            panic!("pairs")
        };
        assert!(drawn.len() == 1000 && drawn.iter().all(|(field, value)| field == value));
    }
}

#[test]
fn counts_of_random_fields_are_checked_before_the_key() {
    let check = Check::new();
    check.run("append s x");
    check.check("hrandfield s x", "ERR value is not an integer or out of range");
    check.check("hrandfield s 1 nonsense", "ERR syntax error");
    check.check("hrandfield s 1 withvalues more", "ERR syntax error");
    check.check("hrandfield s -9223372036854775807 withvalues", "ERR value is out of range");
    check.check(
        "hrandfield s -9223372036854775808",
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    check.check("hrandfield s 1", WRONG_TYPE);
    check.run("hset h a 1");
    assert_eq!(
        check.run("hrandfield h -9223372036854775807"),
        Reply::Error(Error::text("ERR value is out of range"))
    );
}

#[test]
fn a_scan_meets_every_field_that_stays() {
    let check = Check::new();
    (0..500).for_each(|field| drop(check.run(&format!("hset h f{field} v"))));
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    for step in 0.. {
        let Reply::Array(page) = check.run(&format!("hscan h {cursor} count 7 match f*")) else {
            panic!("a page")
        };
        let [Reply::Bulk(next), Reply::Array(words)] = &page[..] else { panic!("cursor and words") };
        assert_eq!(words.len() % 2, 0);
        seen.extend(words.iter().step_by(2).map(|word| format!("{word:?}")));
        check.run(&format!("hdel h f{}", step * 5));
        check.run(&format!("hset h new{step} v"));
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
    }
    for field in (0..500).filter(|field| field % 5 != 0) {
        assert!(seen.contains(&format!("{:?}", Reply::Bulk(format!("f{field}").into_bytes()))), "{field}");
    }
}

#[test]
fn a_small_hash_is_scanned_at_once_and_options_are_checked() {
    let check = Check::new();
    check.run("hset h a 1 b 2 c 3");
    check.check("hscan h 0 count 1", "[0 [a 1 b 2 c 3]]");
    check.check("hscan h 17 match [ab] count 1", "[0 [a 1 b 2]]");
    check.check("hscan h x nonsense", "ERR invalid cursor");
    check.check("hscan none x", "ERR invalid cursor");
    check.check("hscan h 0 count 0", "ERR syntax error");
    check.check("hscan h 0 count x", "ERR value is not an integer or out of range");
    check.check("hscan h 0 type hash", "ERR syntax error");
    check.check("hscan h 0 match", "ERR syntax error");
}
