//! Cuts what was read into lines and has them answered.

use super::conversation::{Answer, Conversation, Later};
use super::envelope::Envelope;
use super::reset;
use crate::core::Core;
use crate::doors::carrier::{self, Dialogue};
use crate::hub::Outbox;
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use hyrax_values::key_hash;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// Replies gathered before they are written.
const REPLIES_MAX: usize = 64 * 1024;

/// A conversation in lines: one for each command, and one for each answer.
pub struct Lines {
    conversation: Conversation,
    /// How much of the first line has been looked through for its end: one that comes in small pieces is
    /// not looked through from its beginning for each of them.
    looked: usize,
}

/// What has to be waited for.
pub enum Pending {
    /// An engine answers later.
    Later(Later),
    /// This line takes the long way.
    Slow(String),
}

type Stop = carrier::Stop<Pending>;

impl Lines {
    /// A conversation that has not begun.
    pub fn new(session: Session) -> Self {
        Lines { conversation: Conversation { session }, looked: 0 }
    }

    /// Answers lines for as long as one client's turn takes.
    fn answer_in_turn(&mut self, data: &[u8], line_max: usize, out: &mut Vec<u8>) -> (usize, Stop) {
        let conversation = &mut self.conversation;
        let mut used = 0;
        let mut fetched = 0;
        let mut looked = std::mem::take(&mut self.looked);
        conversation.session.begin_command();
        let turn_ends_us = conversation.session.now_us() + limits::TURN_MAX.as_micros() as u64;
        loop {
            let rest = &data[used..];
            if used >= fetched {
                fetched = used + prefetch(conversation, rest);
            }
            let Some(length) = memchr::memchr(b'\n', &rest[looked..]).map(|at| looked + at) else {
                // A carriage return at the end may be no part of the line.
                if rest.strip_suffix(b"\r").unwrap_or(rest).len() > line_max {
                    return (data.len(), refuse_too_long(line_max, out));
                }
                self.looked = rest.len();
                return (used, Stop::Dry { needed: rest.len() + 1 });
            };
            looked = 0;
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
                Answer::Later(later) => return (used, Stop::Pending(Pending::Later(later))),
                Answer::Slow => {
                    // The conversation found it to be UTF-8.
                    let line = String::from_utf8_lossy(line).into_owned();
                    return (used, Stop::Pending(Pending::Slow(line)));
                }
            }
            if out.len() >= REPLIES_MAX || conversation.session.now_us() > turn_ends_us {
                return (used, Stop::Full);
            }
        }
    }
}

impl Dialogue for Lines {
    type Pending = Pending;

    const GOODBYE: &'static [u8] = b"{\"error\":\"the server closes this connection\"}\n";

    fn session(&self) -> &Session {
        &self.conversation.session
    }

    fn into_session(self) -> Session {
        self.conversation.session
    }

    fn answer(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop) {
        let core = self.conversation.session.core.clone();
        let line_max = core.limits.load().max_frame;
        core.hub.together(|| self.answer_in_turn(data, line_max, out))
    }

    fn waits_for_others(pending: &Pending) -> bool {
        matches!(pending, Pending::Later(later) if later.waits_for_others())
    }

    async fn finish(&mut self, pending: Pending, out: &mut Vec<u8>) {
        match pending {
            Pending::Later(later) => self.conversation.finish(later, out).await,
            Pending::Slow(line) => self.conversation.answer_slowly(&line, out).await,
        }
        // A lock that is waited for is answered when it comes.
        if !out.is_empty() {
            out.push(b'\n');
        }
    }

    fn answer_unfinished(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        if !rest.trim_ascii().is_empty() {
            Envelope::bare().error(&"the last line did not end with a line feed and was not run", out);
            out.push(b'\n');
        }
    }

    async fn reset(core: &Core, outbox: &Outbox) -> bool {
        reset::next(core, outbox).await
    }

    fn cause_of_close(&self) -> Cause {
        Cause::Kicked
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

/// The connection is closed then: where the next line begins is not known.
fn refuse_too_long(line_max: usize, out: &mut Vec<u8>) -> Stop {
    let problem = format!("a line has at most {line_max} bytes (max_frame): the connection is closed");
    Envelope::bare().error(&problem, out);
    out.push(b'\n');
    Stop::Close
}
