//! What the bit commands must do.

use crate::Reply;
use crate::embedded::check::Check;
use crate::embedded::commands::strings::put_set;
use proptest::prelude::*;

const BAD_OFFSET: &str = "ERR bit offset is not an integer or out of range";

#[test]
fn bits_are_set_and_read_from_the_highest_on() {
    let check = Check::new();
    check.check("setbit a 7 1", "0");
    check.check("setbit a 7 1", "1");
    check.check("setbit a 20 0", "0");
    check.check("getbit a 7", "1");
    check.check("getbit a 1000", "0");
    assert_eq!(check.run("get a"), Reply::Bulk(b"\x01\0\0".to_vec()));
    check.check("setbit a 4294967296 1", BAD_OFFSET);
    check.check("setbit a -1 1", BAD_OFFSET);
    check.check("getbit a x", BAD_OFFSET);
    check.check("setbit a 1 2", "ERR bit is not an integer or out of range");
    assert_eq!(check.changes(), ["setbit a 7 1", "setbit a 20 0"]);
}

#[test]
fn bits_are_counted_and_found_in_ranges() {
    let check = Check::new();
    check.check("set a foobar", "OK");
    check.check("bitcount a", "26");
    check.check("bitcount a 1 1", "6");
    check.check("bitcount a 5 30 bit", "17");
    check.check("bitcount a -2 -1 byte", "7");
    check.check("bitcount a -1 -2 foo", "0");
    check.check("bitcount a 0", "ERR syntax error");
    check.check("bitcount nokey x", "0");
    check.check("bitpos a 1", "1");
    check.check("bitpos a 0 1", "8");
    check.check("bitpos a 1 7 15 bit", "9");
    check.check("bitpos nokey 0 x", "0");
    check.check("bitpos nokey 1", "-1");
    check.check("bitpos a 2", "ERR The bit argument must be 1 or 0.");
    check.run_words(&[b"set", b"b", b"\xff\xff"]);
    check.check("bitpos b 0", "16");
    check.check("bitpos b 0 1", "16");
    check.check("bitpos b 0 0 -1", "-1");
    check.check("bitpos b 0 5", "-1");
}

#[test]
fn strings_are_combined_bit_by_bit() {
    let check = Check::new();
    check.check("mset a abc b ab", "OK");
    for (line, expected) in [
        ("bitop and d a b", &b"ab\0"[..]),
        ("bitop or d a b", b"abc"),
        ("bitop xor d a b", b"\0\0c"),
        ("bitop not d b", b"\x9e\x9d"),
        ("bitop and d b", b"ab"),
    ] {
        check.check(line, &expected.len().to_string());
        assert_eq!(check.run("get d"), Reply::Bulk(expected.to_vec()), "{line}");
    }
    check.check("bitop not d a b", "ERR BITOP NOT must be called with a single source key.");
    check.check("bitop foo d a b", "ERR syntax error");
    check.changes();
    check.check("bitop or d nokey", "0");
    check.check("exists d", "0");
    check.check("bitop or d nokey", "0");
    assert_eq!(check.changes(), ["bitop d or d nokey"]);
}

#[test]
fn other_types_have_no_bits() {
    let check = Check::new();
    put_set(&check, "s");
    for line in ["setbit s 0 1", "getbit s 0", "bitcount s x y", "bitpos s 1 x", "bitop and d nokey s"] {
        check.check(line, "WRONGTYPE Operation against a key holding the wrong kind of value");
    }
}

proptest! {
    #[test]
    fn counts_and_positions_are_those_of_a_walk(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 1..80),
        start in 0..640_usize,
        length in 1..640_usize,
    ) {
        let bits: Vec<bool> =
            bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0)).collect();
        let start = start % bits.len();
        let end = (start + length).min(bits.len());
        let range = &bits[start..end];
        let check = Check::new();
        check.run_words(&[b"set", b"a", &bytes]);
        let last = end - 1;
        let counted = check.run(&format!("bitcount a {start} {last} bit"));
        prop_assert_eq!(counted, Reply::Integer(range.iter().filter(|&&bit| bit).count() as i64));
        for wanted in [false, true] {
            let found = check.run(&format!("bitpos a {} {start} {last} bit", u8::from(wanted)));
            let expected = range.iter().position(|&bit| bit == wanted);
            prop_assert_eq!(found, Reply::Integer(expected.map_or(-1, |at| (start + at) as i64)));
        }
    }
}

#[test]
fn integers_of_any_width_are_read_and_written() {
    let check = Check::new();
    check.check("bitfield b set u8 0 255 get i8 0 get u4 #1", "[0 -1 15]");
    check.check("bitfield b incrby u8 0 1 get u8 0", "[0 0]");
    check.check("bitfield b overflow sat incrby i5 100 20 incrby i5 100 20 get i5 100", "[15 15 15]");
    check.check("bitfield b overflow fail incrby i5 100 1 set u3 0 9", "[nil nil]");
    check.check("bitfield b set i64 3 -1 get u63 4 get i64 3", "[0 9223372036854775807 -1]");
    check.check("bitfield b set u8 8 -1 get u8 8", "[255 255]");
    check.check("bitfield_ro b get u8 8 get u1 #100000", "[255 0]");
    check.check("bitfield nokey get u8 0", "[0]");
    check.check("bitfield nokey", "[]");
    check.check("exists nokey", "0");
    check.check("strlen b", "14");
}

#[test]
fn bad_fields_are_refused() {
    let check = Check::new();
    let width =
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    for word in ["u64", "i65", "u0", "x8", "u", "u08"] {
        check.check(&format!("bitfield b get {word} 0"), width);
    }
    check.check("bitfield b get u8 -1", "ERR bit offset is not an integer or out of range");
    check.check("bitfield b get u8 #9223372036854775807", "ERR bit offset is not an integer or out of range");
    check.check("bitfield b set u8 0 x", "ERR value is not an integer or out of range");
    check.check("bitfield b overflow foo", "ERR Invalid OVERFLOW type specified");
    check.check("bitfield b get u8", "ERR syntax error");
    check.check("bitfield_ro b set u8 0 1", "ERR BITFIELD_RO only supports the GET subcommand");
    check.check("rpush l a", "1");
    check.check("bitfield l get u8 0", "WRONGTYPE Operation against a key holding the wrong kind of value");
}
