//! What can be wrong with a command, in Redis' own words.

use std::borrow::Cow;

/// Why a command was refused. The text is Redis' reply, code first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// The options do not fit together.
    #[error("ERR syntax error")]
    Syntax,
    /// Not a decimal 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// Not a number.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The key must exist.
    #[error("ERR no such key")]
    NoSuchKey,
    /// An index past the end.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// The sum does not fit in 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// Too few or too many arguments.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(&'static str),
    /// A time in the past or beyond what can be counted.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// No such command.
    #[error("ERR unknown command '{name}', with args beginning with: {args}")]
    UnknownCommand {
        /// The name as sent, shortened.
        name: String,
        /// The first arguments, quoted, as Redis lists them.
        args: String,
    },
    /// Memory is full, and nothing can go.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// Any other refusal, whole text with its code.
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl Error {
    /// A refusal with a text of its own (`"ERR …"`).
    pub const fn text(text: &'static str) -> Error {
        Error::Other(Cow::Borrowed(text))
    }
}
