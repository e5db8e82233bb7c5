//! What the string commands must do.

use crate::command;
use crate::embedded::check::{Check, show};
use crate::embedded::values::Value;
use crate::embedded::{Expiry, Keyspace};
use crate::{Call, Reply};

/// Puts something at `key` that is no string.
pub(in crate::embedded::commands) fn put_set(check: &Check, key: &str) {
    let argv = [&b"del"[..], key.as_bytes()];
    let command = command::lookup(b"del").expect("a command");
    let call = Call { command, argv: &argv, actor: None, quiet: true };
    let mut keys = Keyspace::lock(check.engine(), &call, 1_000_000);
    keys.put(key.as_bytes(), Value::Set(Default::default()), Expiry::Never);
    keys.finish();
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

#[test]
fn set_obeys_its_conditions() {
    let check = Check::new();
    check.check("set a 1 xx", "nil");
    check.check("set a 1 nx", "OK");
    check.check("set a 2 NX", "nil");
    check.check("set a 2 xx get", "1");
    check.check("set a 3 nx get", "2");
    check.check("set b 3 nx get", "nil");
    check.check("set a 4 nx xx", "ERR syntax error");
    check.check("mget a b c", "[2 3 nil]");
    assert_eq!(check.changes(), ["set a 1 nx", "set a 2 xx get", "set b 3 nx get"]);
}

#[test]
fn set_gives_keeps_and_takes_expiries() {
    let check = Check::new();
    for (options, expires_at) in [
        ("ex 10", "1010000"),
        ("px 10", "1000010"),
        ("exat 2000", "2000000"),
        ("pxat 2000000", "2000000"),
        ("ex 10 ex 20", "1020000"),
        ("keepttl", "1020000"),
    ] {
        check.check(&format!("set a 1 {options}"), "OK");
        check.check("pexpiretime a", expires_at);
    }
    check.check("set a 1", "OK");
    check.check("pexpiretime a", "-1");
    for bad in ["ex 10 px 10", "ex 10 keepttl", "keepttl ex 10", "ex", "persist", "foo"] {
        check.check(&format!("set a 1 {bad}"), "ERR syntax error");
    }
    for bad in ["ex 0", "px -1", "ex 9223372036854776", "px 9223372036854775807"] {
        check.check(&format!("set a 1 {bad}"), "ERR invalid expire time in 'set' command");
    }
    check.check("set a 1 ex x", NOT_INTEGER);
    check.check("setex a 0 1", "ERR invalid expire time in 'setex' command");
    check.check("psetex a 0 1", "ERR invalid expire time in 'psetex' command");
    check.check("setex a 5 1", "OK");
    check.check("ttl a", "5");
    check.check("psetex a 5 1", "OK");
    check.check("pttl a", "5");
}

#[test]
fn a_time_that_is_over_takes_the_key() {
    let check = Check::new();
    check.check("set a 1 pxat 5", "OK");
    check.check("get a", "nil");
    assert_eq!(check.changes(), ["set a 1 pxat 5", "expired a"]);
    check.check("set a 1", "OK");
    check.check("getex a pxat 5", "1");
    check.check("exists a", "0");
    assert_eq!(check.changes(), ["set a 1", "del a"]);
}

#[test]
fn getex_changes_the_expiry_alone() {
    let check = Check::new();
    check.check("getex a ex 10", "nil");
    check.check("set a 1", "OK");
    check.check("getex a", "1");
    check.check("getex a persist", "1");
    check.check("getex a ex 10", "1");
    check.check("getex a persist", "1");
    check.check("getex a ex 10 persist", "ERR syntax error");
    check.check("getex a keepttl", "ERR syntax error");
    check.check("getex a ex 0", "ERR invalid expire time in 'getex' command");
    assert_eq!(check.changes(), ["set a 1", "pexpireat a 1010000", "persist a"]);
}

#[test]
fn old_values_are_told_by_those_that_replace_them() {
    let check = Check::new();
    check.check("getset a 1", "nil");
    check.check("getset a 2", "1");
    check.check("setnx a 3", "0");
    check.check("getdel a", "2");
    check.check("getdel a", "nil");
    check.check("setnx a 3", "1");
    assert_eq!(check.changes(), ["getset a 1", "getset a 2", "del a", "setnx a 3"]);
}

#[test]
fn several_keys_are_set_together_or_not_at_all() {
    let check = Check::new();
    check.check("mset a 1 b 2", "OK");
    check.check("msetnx c 3 b 4", "0");
    check.check("msetnx c 3 d 4", "1");
    check.check("mget a b c d", "[1 2 3 4]");
    check.check("mset a 1 b", "ERR wrong number of arguments for 'mset' command");
    check.check("msetnx a 1 b", "ERR wrong number of arguments for 'msetnx' command");
    let expected = ["mset a a 1 b 2", "mset b a 1 b 2", "msetnx c c 3 d 4", "msetnx d c 3 d 4"];
    assert_eq!(check.changes(), expected);
}

#[test]
fn integers_count_within_64_bits() {
    let check = Check::new();
    check.check("incr a", "1");
    check.check("incrby a 9223372036854775806", "9223372036854775807");
    check.check("incr a", "ERR increment or decrement would overflow");
    check.check("decr a", "9223372036854775806");
    check.check("decrby b 5", "-5");
    check.check("decrby b -9223372036854775808", "ERR decrement would overflow");
    check.check("incrby a x", NOT_INTEGER);
    check.check("set a 01", "OK");
    check.check("incr a", NOT_INTEGER);
    check.check("set a 5 ex 10", "OK");
    check.check("incr a", "6");
    check.check("ttl a", "10");
}

#[test]
fn floats_count_without_surprises() {
    let check = Check::new();
    check.check("incrbyfloat a 0.1", "0.1");
    check.check("incrbyfloat a 0.2", "0.3");
    check.check("pexpire a 10", "1");
    check.check("incrbyfloat a 1.0e1", "10.3");
    check.check("pttl a", "10");
    check.check("incrbyfloat a x", "ERR value is not a valid float");
    check.check("incrbyfloat a inf", "ERR increment would produce NaN or Infinity");
    let expected = ["set a 0.1 KEEPTTL", "set a 0.3 KEEPTTL", "pexpire a 10", "set a 10.3 KEEPTTL"];
    assert_eq!(check.changes(), expected);
}

#[test]
fn parts_are_read_and_written_in_place() {
    let check = Check::new();
    check.check("append a foo", "3");
    check.check("append a bar", "6");
    check.check("append a 0123456789", "16");
    check.check("strlen a", "16");
    check.check("getrange a 0 2", "foo");
    check.check("getrange a -3 -1", "789");
    check.check("getrange a 5 100", "r0123456789");
    check.check("getrange a -1 -3", "");
    check.check("getrange a 16 20", "");
    check.check("getrange a -100 0", "f");
    check.check("substr nokey 0 -1", "");
    check.check("setrange a 3 BAR", "16");
    check.check("getrange a 0 5", "fooBAR");
    check.check("setrange nokey 5 ''", "0");
    check.check("setrange b 2 x", "3");
    assert_eq!(check.run("get b"), Reply::Bulk(b"\0\0x".to_vec()));
    let too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    check.check("setrange a 536870911 xx", too_long);
    check.check("setrange a 9223372036854775807 x", too_long);
    check.check("setrange a -1 x", "ERR offset is out of range");
    let expected =
        ["append a foo", "append a bar", "append a 0123456789", "setrange a 3 BAR", "setrange b 2 x"];
    assert_eq!(check.changes(), expected);
}

#[test]
fn the_longest_common_subsequence_is_that_of_redis() {
    let check = Check::new();
    check.check("mset a ohmytext b mynewtext", "OK");
    check.check("lcs a b", "mytext");
    check.check("lcs a b len", "6");
    check.check("lcs a b idx", "{matches=[[[4 7] [5 8]] [[2 3] [0 1]]] len=6}");
    check.check("lcs a b idx minmatchlen 4 withmatchlen", "{matches=[[[4 7] [5 8] 4]] len=6}");
    check.check("lcs a nokey", "");
    check.check("lcs nokey nokey idx", "{matches=[] len=0}");
    let both = "ERR If you want both the length and indexes, please just use IDX.";
    check.check("lcs a b idx len", both);
    check.check("lcs a b minmatchlen", "ERR syntax error");
    check.check("lcs a b minmatchlen x", NOT_INTEGER);
    check.check("setrange a 20000 x", "20001");
    check.check("setrange b 20000 x", "20001");
    let too_long = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    check.check("lcs a b len", too_long);
}

#[test]
fn other_types_are_refused_and_left_alone() {
    let check = Check::new();
    put_set(&check, "s");
    check.changes();
    for line in [
        "get s",
        "set s x get",
        "set s x nx get",
        "getset s x",
        "getdel s",
        "getex s ex x",
        "incr s",
        "incrby s 1",
        "incrbyfloat s x",
        "append s x",
        "strlen s",
        "getrange s 0 1",
        "setrange s 0 ''",
    ] {
        check.check(line, WRONG_TYPE);
    }
    check.check("incrby s x", NOT_INTEGER);
    check.check("getrange s x 0", NOT_INTEGER);
    check.check("lcs s nokey foo", "ERR The specified keys must contain string values");
    check.check("mget s", "[nil]");
    check.check("setnx s 1", "0");
    assert_eq!(show(&check.run("type s")), "set");
    assert!(check.changes().is_empty());
    check.check("set s x", "OK");
    check.check("get s", "x");
}
