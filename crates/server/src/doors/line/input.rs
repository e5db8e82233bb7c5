//! Cuts what was read into lines and has them answered.

use super::conversation::{Answer, Conversation, Later};
use super::envelope::Envelope;

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
    /// Much has been answered: it should be written before more is.
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
    let mut used = 0;
    loop {
        let rest = &data[used..];
        let Some(length) = memchr::memchr(b'\n', rest) else {
            if rest.len() > line_max {
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
        if out.len() >= REPLIES_MAX {
            return (used, Stop::Full);
        }
    }
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
