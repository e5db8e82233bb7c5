//! What goes around a reply: the dialect's fields and the echoed `ref`.

use super::encode::write_string;
use super::message::{Dialect, Message};
use std::fmt::Display;

/// The frame of one reply.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The command to name, in the domain dialect.
    command: Option<Box<str>>,
    reference: Option<Box<str>>,
}

impl Envelope {
    /// The frame for the reply to a message.
    pub fn of(message: &Message<'_>) -> Self {
        let command = (message.dialect == Dialect::Domain).then(|| (&*message.name).into());
        Envelope { command, reference: message.reference.map(Into::into) }
    }

    /// The frame for a reply to what could not be read.
    pub fn bare() -> Self {
        Envelope { command: None, reference: None }
    }

    /// Begins a reply; its value follows, then [`Envelope::end`].
    pub fn begin(&self, out: &mut Vec<u8>) {
        self.open(out);
        out.extend_from_slice(b"\"return\":");
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(command) = &self.command {
            out.extend_from_slice(b"\"command\":");
            write_string(command, out);
            out.push(b',');
        }
    }

    /// Ends a reply. Fields beside the value come before this.
    pub fn end(&self, out: &mut Vec<u8>) {
        if let Some(reference) = &self.reference {
            out.extend_from_slice(b",\"ref\":");
            out.extend_from_slice(reference.as_bytes());
        }
        out.push(b'}');
    }

    /// A whole reply that says what was wrong.
    pub fn error(&self, error: &dyn Display, out: &mut Vec<u8>) {
        self.open(out);
        out.extend_from_slice(b"\"error\":");
        write_string(&error.to_string(), out);
        self.end(out);
    }

    /// A whole reply whose value is written by `value`.
    pub fn reply(&self, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
        self.begin(out);
        value(out);
        self.end(out);
    }

    /// A whole reply of one word.
    pub fn word(&self, word: &str, out: &mut Vec<u8>) {
        self.reply(out, |out| write_string(word, out));
    }
}
