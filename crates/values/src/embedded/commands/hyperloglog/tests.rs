//! What the HyperLogLog commands must do.

use crate::Reply;
use crate::embedded::check::Check;

fn bytes(check: &Check, key: &str) -> Vec<u8> {
    match check.run(&format!("get {key}")) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("a string expected, not {other:?}"),
    }
}

#[test]
fn elements_are_counted_once() {
    let check = Check::new();
    check.check("pfcount nokey", "0");
    check.check("pfadd h", "1");
    check.check("pfadd h", "0");
    check.check("pfadd h a b c a", "1");
    check.check("pfadd h a b c", "0");
    check.check("pfcount h", "3");
    check.check("pfcount h", "3");
    check.check("pfadd g c d", "1");
    check.check("pfcount g h nokey", "4");
    check.check("pfmerge m g h", "OK");
    check.check("pfcount m", "4");
    check.check("pfmerge nokeys", "OK");
    check.check("pfcount nokeys", "0");
    let expected = [
        "pfadd h",
        "pfadd h a b c a",
        "pfcount h",
        "pfadd g c d",
        "pfmerge m m g h",
        "pfcount m",
        "pfmerge nokeys",
        "pfcount nokeys",
    ];
    assert_eq!(check.changes(), expected);
}

#[test]
fn the_bytes_are_those_of_redis() {
    let check = Check::new();
    check.check("pfadd h a b c", "1");
    // As a redis-server 7.0.15 has them.
    let expected = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x60\xf3\x80\x50\xb1\x84\x4b\xfb\x80\x42\x5a";
    assert_eq!(bytes(&check, "h"), expected);
    check.check("pfcount h", "3");
    assert_eq!(&bytes(&check, "h")[8..16], [3, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_large_one_becomes_dense_and_keeps_its_count() {
    let check = Check::new();
    for number in 0..3000 {
        check.run(&format!("pfadd h {number}"));
    }
    assert_eq!(bytes(&check, "h").len(), 12_304);
    check.check("pfadd small x", "1");
    check.check("pfmerge m small h", "OK");
    assert_eq!(bytes(&check, "m").len(), 12_304);
    check.check("set h2 x", "OK");
    check.check("pfcount h h2", "WRONGTYPE Key is not a valid HyperLogLog string value.");
}

#[test]
fn other_values_are_refused() {
    let check = Check::new();
    check.check("set s HYLL", "OK");
    check.check("rpush l a", "1");
    check.check("pfadd s a", "WRONGTYPE Key is not a valid HyperLogLog string value.");
    check.check("pfcount l", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check.check("pfmerge m l", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check.check("exists m", "0");
    check.check("pfadd h a b c", "1");
    let cut = &bytes(&check, "h")[..20];
    check.run_words(&[b"set", b"h", cut]);
    check.changes();
    check.check("pfcount h", "INVALIDOBJ Corrupted HLL object detected");
    check.check("pfadd h b c d", "INVALIDOBJ Corrupted HLL object detected");
    check.check("pfmerge m h", "INVALIDOBJ Corrupted HLL object detected");
    assert_eq!(bytes(&check, "h"), cut);
    assert!(check.changes().is_empty());
}
