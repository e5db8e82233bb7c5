//! Cuts what was read into lines and has them answered.

use super::conversation::{Answer, Conversation, Later};
use super::envelope::Envelope;
use hyrax_types::limits;
use hyrax_values::key_hash;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// What stopped the reading of lines.
pub enum Stop {
    /// No whole line is left.
    Dry,
    /// An engine answers later.
    Later(Later),
    /// This line takes the long way.
    Slow(String),
    /// A line is too long: it has been answered, and the connection is to be closed.
    TooLong,
    /// Much has been answered, or took long: it should be written, and others have their turn, before
    /// more is.
    Full,
}

/// Replies gathered before they are written.
const REPLIES_MAX: usize = 64 * 1024;

/// Answers the whole lines at the front of `data` until something has to be waited for. Gives how
/// many bytes were used, and why it stopped. Each answer is followed by an end of line.
pub fn answer_lines(
    conversation: &mut Conversation,
    data: &[u8],
    line_max: usize,
    out: &mut Vec<u8>,
) -> (usize, Stop) {
    let core = conversation.session.core.clone();
    core.hub.together(|| answer_in_turn(conversation, data, line_max, out))
}

/// Answers lines for as long as one client's turn takes.
fn answer_in_turn(
    conversation: &mut Conversation,
    data: &[u8],
    line_max: usize,
    out: &mut Vec<u8>,
) -> (usize, Stop) {
    let mut used = 0;
    let mut fetched = 0;
    conversation.session.begin_command();
    let turn_ends_us = conversation.session.now_us() + limits::TURN_MAX.as_micros() as u64;
    loop {
        let rest = &data[used..];
        if used >= fetched {
            fetched = used + prefetch(conversation, rest);
        }
        let Some(length) = memchr::memchr(b'\n', rest) else {
            // A carriage return at the end may be no part of the line.
            if rest.strip_suffix(b"\r").unwrap_or(rest).len() > line_max {
                return (data.len(), refuse_too_long(line_max, out));
            }
            return (used, Stop::Dry);
        };
        used += length + 1;
        let line = rest[..length].trim_ascii();
        if line.len() > line_max {
            return (data.len(), refuse_too_long(line_max, out));
        }
        if line.is_empty() {
            continue;
        }
        match conversation.answer(line, out) {
            Answer::Done => out.push(b'\n'),
            Answer::Later(later) => return (used, Stop::Later(later)),
            // The conversation found it to be UTF-8.
            Answer::Slow => return (used, Stop::Slow(String::from_utf8_lossy(line).into_owned())),
        }
        if out.len() >= REPLIES_MAX || conversation.session.now_us() > turn_ends_us {
            return (used, Stop::Full);
        }
    }
}

/// What stands before a key in the flat dialect, as most programs write it.
const KEY: &[u8] = b"\"key\":\"";

static FIND_KEY: LazyLock<memchr::memmem::Finder<'static>> =
    LazyLock::new(|| memchr::memmem::Finder::new(KEY));

/// Lines looked at ahead. The more, the better their cache misses overlap; the fewer, the surer that
/// the first is still there when its turn comes.
const LINES_AHEAD: usize = 32;

/// Has the keys of the next lines fetched; gives how many bytes of lines were looked at. It only
/// guesses which words are keys: a wrong guess costs a fetch.
fn prefetch(conversation: &Conversation, data: &[u8]) -> usize {
    let mut hashes: SmallVec<[u64; LINES_AHEAD]> = SmallVec::new();
    let mut looked = 0;
    for end in memchr::memchr_iter(b'\n', data).take(LINES_AHEAD) {
        let line = &data[looked..end];
        looked = end + 1;
        let Some(found) = FIND_KEY.find(line) else { continue };
        let key = &line[found + KEY.len()..];
        hashes.extend(memchr::memchr(b'"', key).map(|end| key_hash(&key[..end])));
    }
    // One line's misses have nothing to overlap with.
    if hashes.len() > 1 {
        conversation.session.core.values.prefetch(&hashes);
    }
    looked.max(1)
}

fn refuse_too_long(line_max: usize, out: &mut Vec<u8>) -> Stop {
    let problem = format!("a line has at most {line_max} bytes (max_frame): the connection is closed");
    Envelope::bare().error(&problem, out);
    out.push(b'\n');
    Stop::TooLong
}

/// What was wrong with the last line of a connection that ended without an end of line.
pub fn answer_unfinished(rest: &[u8], out: &mut Vec<u8>) {
    if !rest.trim_ascii().is_empty() {
        Envelope::bare().error(&"the last line did not end with a line feed and was not run", out);
        out.push(b'\n');
    }
}
