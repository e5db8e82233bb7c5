use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What comes of some bytes, in readable form.
#[derive(Debug, PartialEq)]
enum Told {
    Command(Vec<Vec<u8>>),
    Broken(Broken),
    /// So many bytes are left.
    Left(usize),
}

/// Parses the bytes given in pieces, as a connection does: what is unfinished stays at the front.
fn told(pieces: &[&[u8]], bounds: &Bounds) -> Vec<Told> {
    let mut parser = Parser::default();
    let mut data: Vec<u8> = Vec::new();
    let mut found = Vec::new();
    let mut needed = 0;
    for piece in pieces {
        data.extend_from_slice(piece);
        if data.len() < needed {
            continue;
        }
        loop {
            let mut words = Words::new();
            let used = match parser.parse(&data, bounds, &mut words) {
                Parsed::Command(used) => {
                    found.push(Told::Command(words.iter().map(|word| word.to_vec()).collect()));
                    used
                }
                Parsed::Inline(words, used) => {
                    found.push(Told::Command(words));
                    used
                }
                Parsed::Nothing(used) => used,
                Parsed::Unfinished(more) => {
                    assert!(more > data.len(), "what is there is not waited for");
                    needed = more;
                    break;
                }
                Parsed::Broken(broken) => {
                    found.push(Told::Broken(broken));
                    return found;
                }
            };
            drop(words);
            assert!(used > 0 && used <= data.len());
            data.drain(..used);
        }
    }
    found.push(Told::Left(data.len()));
    found
}

const ANY: Bounds = Bounds { bulk_max: 1 << 20, ..Bounds::ANY };

fn command(words: &[&str]) -> Told {
    Told::Command(words.iter().map(|word| word.as_bytes().to_vec()).collect())
}

#[track_caller]
fn check(bytes: &str, expected: &[Told]) {
    assert_eq!(told(&[bytes.as_bytes()], &ANY), expected, "{bytes:?}");
}

#[test]
fn commands_are_read_in_both_forms() {
    check("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", &[command(&["GET", "a"]), Told::Left(0)]);
    check("*1\r\n$0\r\n\r\nPING\r\n", &[command(&[""]), command(&["PING"]), Told::Left(0)]);
    check("\r\n\n*0\r\n*-1\r\nset a 'b c'\n", &[command(&["set", "a", "b c"]), Told::Left(0)]);
    check("*1\r\n$4\r\nPI", &[Told::Left(10)]);
    check("*1\r\n$2\r\nabXX*1\r\n", &[command(&["ab"]), Told::Left(4)]);
    check("*000001\r\n", &[Told::Broken(Broken::InvalidCount)]);
}

#[test]
fn what_is_no_command_is_refused_as_redis_does() {
    for (bytes, broken) in [
        ("*a\r\n", Broken::InvalidCount),
        ("*2147483648\r\n", Broken::InvalidCount),
        ("*99999999999999999999\r\n", Broken::InvalidCount),
        ("*1\r\nfooz\r\n", Broken::NoLength(b'f')),
        ("*1\r\n$-1\r\n", Broken::InvalidLength),
        ("*1\r\n$x\r\n", Broken::InvalidLength),
        ("*1\r\n$01\r\n", Broken::InvalidLength),
        ("*1\r\n$1048577\r\n", Broken::InvalidLength),
        ("set a \"b\r\n", Broken::UnbalancedQuotes),
    ] {
        check(bytes, &[Told::Broken(broken)]);
    }
    let endless = "1".repeat(LINE_BYTES_MAX);
    check(&format!("*{endless}"), &[Told::Broken(Broken::EndlessCount)]);
    check(&format!("*1\r\n${endless}"), &[Told::Broken(Broken::EndlessLength)]);
    check(&format!("a{endless}"), &[Told::Broken(Broken::EndlessLine)]);
    check(&format!("a{}", &endless[1..]), &[Told::Left(LINE_BYTES_MAX)]);
}

#[test]
fn who_did_not_log_in_may_send_little() {
    let bounds = Bounds::unauthenticated(1 << 20);
    for (bytes, broken) in [
        ("*11\r\n", Broken::UnauthenticatedCount),
        ("*2\r\n$4\r\nAUTH\r\n$16385\r\n", Broken::UnauthenticatedLength),
    ] {
        assert_eq!(told(&[bytes.as_bytes()], &bounds), [Told::Broken(broken)]);
    }
    assert_eq!(told(&[b"*10\r\n$16384\r\n"], &bounds), [Told::Left(13)]);
}

#[test]
fn a_refusal_is_worded_as_redis_does() {
    let mut out = Vec::new();
    Broken::NoLength(b'f').write(&mut out);
    Broken::NoLength(0).write(&mut out);
    Broken::UnbalancedQuotes.write(&mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "-ERR Protocol error: expected '$', got 'f'\r\n-ERR Protocol error: expected '$', got ''\r\n\
         -ERR Protocol error: unbalanced quotes in request\r\n"
    );
}

#[test]
fn announced_lengths_take_no_memory_and_pieces_no_time() {
    // As many words as one may announce, one after the other in small pieces: reading all anew for each piece
    // would take minutes.
    let mut wire = b"*200000\r\n".to_vec();
    (0..200_000).for_each(|_| wire.extend_from_slice(b"$1\r\nx\r\n"));
    let pieces: Vec<&[u8]> = wire.chunks(64).collect();
    let found = told_in_place(&pieces);
    assert_eq!(found, 200_000);
}

/// How many words come of one command in pieces, without taking the pieces apart.
fn told_in_place(pieces: &[&[u8]]) -> usize {
    let mut parser = Parser::default();
    let mut data = Vec::new();
    for piece in pieces {
        data.extend_from_slice(piece);
        let mut words = Words::new();
        if let Parsed::Command(_) = parser.parse(&data, &ANY, &mut words) {
            return words.len();
        }
    }
    0
}

/// Something like what clients send, with mistakes.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(vec(any::<u8>(), 0..6), 1..5).prop_map(|words| {
            let mut wire = format!("*{}\r\n", words.len()).into_bytes();
            for word in words {
                wire.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                wire.extend_from_slice(&word);
                wire.extend_from_slice(b"\r\n");
            }
            wire
        }),
        2 => "[a-z \"'\\\\]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => "[*$][0-9-]{0,3}(\r\n)?".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..5),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_come_to_the_same_as_the_whole(bytes in wire(), cuts in vec(0_usize..200, 0..12)) {
        let whole = told(&[&bytes], &ANY);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&told(&pieces, &ANY), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&told(&single, &ANY), &whole);
    }
}
