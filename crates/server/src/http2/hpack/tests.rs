//! The examples of RFC 7541, what is malformed, and whatever else may come.

use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex.replace(' ', "")).unwrap()
}

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    let mut fields = Fields::default();
    decoder.decode(block, &mut fields)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
}

fn check(decoder: &mut Decoder, block: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    assert_eq!(read(decoder, &bytes(block)), Ok(expected), "{block}");
}

#[test]
fn the_examples_of_the_rfc_are_read_plain_and_coded() {
    let first = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
    let second = [&first[..], &[("cache-control", "no-cache")]].concat();
    let third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    let mut plain = Decoder::default();
    check(&mut plain, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", &first);
    check(&mut plain, "8286 84be 5808 6e6f 2d63 6163 6865", &second);
    check(&mut plain, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", &third);
    let mut coded = Decoder::default();
    check(&mut coded, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", &first);
    check(&mut coded, "8286 84be 5886 a8eb 1064 9cbf", &second);
    check(&mut coded, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", &third);
}

#[test]
fn what_is_forgotten_has_no_number_any_more() {
    let mut decoder = Decoder::default();
    check(&mut decoder, "4001 6101 31", &[("a", "1")]);
    check(&mut decoder, "be", &[("a", "1")]);
    // Room for one entry alone.
    check(&mut decoder, "3f05 4001 6201 32", &[("b", "2")]);
    check(&mut decoder, "be", &[("b", "2")]);
    assert!(read(&mut decoder, &bytes("bf")).is_err());
    // Room for none.
    check(&mut decoder, "20 4001 6301 33", &[("c", "3")]);
    assert!(read(&mut decoder, &bytes("be")).is_err());
}

#[test]
fn what_is_malformed_is_refused() {
    for block in [
        "80",
        "be",
        "ff ffff ffff 7f",
        "ff 8080 8080 01",
        "40",
        "4001",
        "4002 61",
        "3fff 3f",
        "82 20",
        "41 84ff ffff ff",
    ] {
        assert!(read(&mut Decoder::default(), &bytes(block)).is_err(), "{block}");
    }
}

#[test]
fn what_is_written_is_read() {
    let long = "v".repeat(5000);
    let mut block = Vec::new();
    put_status(404, &mut block);
    put_field(b"grpc-message", long.as_bytes(), &mut block);
    let read = read(&mut Decoder::default(), &block).unwrap();
    assert_eq!(read, [(":status".into(), "404".into()), ("grpc-message".into(), long)]);
}

proptest! {
    #[test]
    fn any_blocks_are_read_or_refused(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..10)) {
        let mut decoder = Decoder::default();
        for block in blocks {
            if decoder.decode(&block, &mut Fields::default()).is_err() {
                break;
            }
        }
    }
}
