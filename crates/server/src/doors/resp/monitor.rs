//! `MONITOR`: shows an operator every command that clients run.

use super::commands::Entry;
use super::dialogue::{Conversation, Flow};
use crate::session::Session;
use hyrax_values::{Error, ReplySink};
use smallvec::SmallVec;

/// `MONITOR`.
pub fn monitor(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let session = &conversation.session;
    session.core.onlookers.add(&session.card);
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

impl Conversation {
    /// Shows a command to whoever is shown all; not those that administer, as in Redis.
    pub fn show_to_onlookers(&self, entry: Option<&Entry>, argv: &[&[u8]]) {
        let core = &self.session.core;
        if !core.onlookers.any() || entry.is_some_and(|entry| !entry.is_shown(argv)) {
            return;
        }
        let line = bytes::Bytes::from(line_of(&self.session, &redacted(argv)));
        for card in core.onlookers.all() {
            if let Some(outbox) = card.outbox() {
                outbox.tell(line.clone());
            }
        }
    }
}

/// The words of a command, without the passwords among them.
pub fn redacted<'a>(argv: &[&'a [u8]]) -> SmallVec<[&'a [u8]; 8]> {
    const REDACTED: &[u8] = b"(redacted)";
    let mut words: SmallVec<[&[u8]; 8]> = SmallVec::from_slice(argv);
    let Some(name) = argv.first() else { return words };
    if name.eq_ignore_ascii_case(b"auth") {
        words[1..].fill(REDACTED);
    } else if name.eq_ignore_ascii_case(b"hello") {
        let logins: SmallVec<[usize; 2]> =
            (2..argv.len()).filter(|&at| argv[at].eq_ignore_ascii_case(b"auth")).collect();
        for at in logins {
            words.iter_mut().skip(at + 1).take(2).for_each(|word| *word = REDACTED);
        }
    }
    words
}

/// A command as Redis shows it.
fn line_of(session: &Session, argv: &[&[u8]]) -> Vec<u8> {
    let now_us = session.now_us();
    let address = session.peer.address;
    let mut line = format!("+{}.{:06} [0 {address}]", now_us / 1_000_000, now_us % 1_000_000).into_bytes();
    for word in argv {
        line.push(b' ');
        write_quoted(word, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// A word in quotes, with what cannot be printed escaped.
pub fn write_quoted(word: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for &byte in word {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x07 => line.extend_from_slice(b"\\a"),
            0x08 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_redis_does() {
        let mut line = Vec::new();
        write_quoted(b"a\"\\\n\r\t\x07\x08\x00\xff b", &mut line);
        assert_eq!(line, br#""a\"\\\n\r\t\a\b\x00\xff b""#);
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = |argv: &[&[u8]]| redacted(argv).join(&b' ');
        assert_eq!(shown(&[b"AUTH", b"a", b"b"]), b"AUTH (redacted) (redacted)");
        assert_eq!(
            shown(&[b"hello", b"3", b"setname", b"n", b"Auth", b"a", b"b"]),
            b"hello 3 setname n Auth (redacted) (redacted)"
        );
        assert_eq!(shown(&[b"set", b"auth", b"b"]), b"set auth b");
    }
}
