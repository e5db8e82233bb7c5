//! What somebody published, on its way to those who subscribed: encoded once for each form in use, its
//! bytes shared by all.

use bytes::Bytes;

/// How many forms there can be in which messages leave.
pub const MESSAGE_FORMS: usize = 2;

/// What was published, as one audience is told.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Among whose names the channel is.
    pub space: Space,
    /// The pattern that matched, where it was one.
    pub pattern: Option<&'a [u8]>,
    /// Where it was published.
    pub channel: &'a [u8],
    /// What was published.
    pub payload: &'a [u8],
}

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// A channel.
    Channels,
    /// A pattern of channels' names.
    Patterns,
    /// A channel that patterns do not see, and whose names are apart from the others'.
    ShardChannels,
}

/// A form in which messages leave: a dialect of a door.
///
/// The hub asks for the bytes once and hands the same to every subscriber of that form. It knows the
/// forms by their number alone.
pub trait MessageForm: Send + Sync + 'static {
    /// This form's place among the [`MESSAGE_FORMS`]: no two forms share one.
    fn number(&self) -> usize;

    /// Appends the bytes of a message.
    fn encode(&self, message: &Message<'_>, out: &mut Vec<u8>);
}

/// Messages to one audience that follow each other, in one form, side by side.
pub struct Messages {
    /// The bytes of all of them.
    pub bytes: Bytes,
    /// How many they are.
    pub count: usize,
}
