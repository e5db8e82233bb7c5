//! Whatever comes: no panic, and no more held than the bounds say.

use proptest::prelude::*;

use super::super::connection::Connection;
use super::*;

/// A frame that is likely to mean something.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(block("/echo")),
        Just(block("/bytes/70000")),
        Just(block("/silent")),
        Just(vec![0, 0, 1, 0]),
        Just(vec![0, 4, 0, 0, 0, 9]),
        Just(vec![0; 8]),
    ];
    (0..11u8, prop_oneof![Just(0), Just(1), Just(4), Just(5), any::<u8>()], 0..8u32, payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_frames_are_taken_or_refused(all in prop::collection::vec(frames(), 0..40), pieces in 1..200usize) {
        let mut connection = Connection::new(|head, body| answer(head, body, CancellationToken::new()));
        let bytes = [hello(), all.concat()].concat();
        let mut held = Vec::new();
        for piece in bytes.chunks(pieces) {
            held.extend_from_slice(piece);
            match connection.take(&held) {
                Ok(taken) => held.drain(..taken),
                Err(_) => break,
            };
            connection.work();
            prop_assert!(connection.out.len() <= 2 * OUT_BYTES);
            connection.out.clear();
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut connection = Connection::new(|head, body| answer(head, body, CancellationToken::new()));
        _ = connection.take(&[hello(), bytes].concat());
        connection.work();
    }
}
