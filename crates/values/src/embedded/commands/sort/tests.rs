//! What `SORT` must do.

use crate::embedded::check::Check;

fn weighed() -> Check {
    let check = Check::new();
    check.check("rpush l 3 1 2", "3");
    check.check("mset w_1 30 w_2 20 w_3 10 t_1 x t_2 y", "OK");
    check.check("hset h_1 f one", "1");
    check.check("hset h_3 f three", "1");
    check.changes();
    check
}

#[test]
fn elements_come_in_order() {
    let check = weighed();
    check.check("sort l", "[1 2 3]");
    check.check("sort_ro l desc", "[3 2 1]");
    check.check("sort l limit 1 1", "[2]");
    check.check("sort l limit -5 2", "[1 2]");
    check.check("sort l limit 3 1", "[]");
    check.check("sort l limit 1 -1", "[2 3]");
    check.check("sort nokey", "[]");
    check.check("rpush words b a 10 9", "4");
    check.check("sort words", "ERR One or more scores can't be converted into double");
    check.check("sort words alpha", "[10 9 a b]");
    check.check("rpush numbers 1.5 -2 1e2 '' 0x10", "5");
    check.check("sort numbers", "[-2  1.5 0x10 1e2]");
}

#[test]
fn other_keys_tell_the_order_and_the_answer() {
    let check = weighed();
    check.check("sort l by w_*", "[3 2 1]");
    check.check("sort l by w_* desc limit 0 2", "[1 2]");
    check.check("sort l by nosort", "[3 1 2]");
    check.check("sort l by nosort desc limit 1 1", "[1]");
    check.check(
        "sort l by w_* get # get t_* get h_*->f get none",
        "[3 nil three nil 2 y nil nil 1 x one nil]",
    );
    check.check("sort l by h_*->f alpha get #", "[2 1 3]");
    check.check("sort l get w_*->f", "[nil nil nil]");
    check.check("sort l get h_*", "[nil nil nil]");
    check.check("sort l get h_*->", "[nil nil nil]");
    check.check("zadd z 3 1 2 2 1 3", "3");
    check.check("sort z by nosort", "[3 2 1]");
    check.check("sort z by nosort desc", "[1 2 3]");
    check.check("sort z", "[1 2 3]");
}

#[test]
fn a_result_is_stored_as_a_list() {
    let check = weighed();
    check.check("set d x ex 10", "OK");
    check.changes();
    check.check("sort l get w_* get t_* store d", "6");
    check.check("lrange d 0 -1", "[30 x 20 y 10 ]");
    check.check("ttl d", "-1");
    check.check("sort nokey store d", "0");
    check.check("exists d", "0");
    check.check("sort nokey store d", "0");
    check.check("sadd s b c a", "3");
    check.check("sort s by nosort store d", "3");
    check.check("lrange d 0 -1", "[a b c]");
    let expected = [
        "sort d l get w_* get t_* store d",
        "sort d nokey store d",
        "sadd s b c a",
        "sort d s by nosort store d",
    ];
    assert_eq!(check.changes(), expected);
}

#[test]
fn bad_options_are_refused() {
    let check = weighed();
    check.check("sort l by", "ERR syntax error");
    check.check("sort l limit 1", "ERR syntax error");
    check.check("sort l limit a b", "ERR value is not an integer or out of range");
    check.check("sort_ro l store d", "ERR syntax error");
    check.check("sort h_1 foo", "ERR syntax error");
    check.check("sort h_1", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check.check("sort w_1 store d", "WRONGTYPE Operation against a key holding the wrong kind of value");
}
