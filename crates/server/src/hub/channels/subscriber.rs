//! One session's subscriptions to channels and patterns.

use super::Channels;
use super::audience::Audience;
use super::message::{MessageForm, Space};
use crate::hub::outbox::Outbox;
use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use hyrax_types::limits;
use indexmap::IndexMap;
use std::sync::Arc;

type ByName = IndexMap<Bytes, Arc<Audience>, DefaultHashBuilder>;

/// A session was refused a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// It has as many as it may have.
    #[error("too many subscriptions: this client may have {0}")]
    TooMany(usize),
    /// What it subscribed to has too long names together.
    #[error(
        "the names that this client subscribed to may have {} bytes together",
        limits::SUBSCRIBED_BYTES_PER_SESSION_MAX
    )]
    TooLongTogether,
    /// It lives no longer than a request.
    #[error("this needs a connection that stays open")]
    NoConnection,
    /// One name is too long.
    #[error(
        "a name to subscribe to may have {} bytes, a pattern {}",
        limits::KEY_BYTES_MAX,
        limits::PATTERN_BYTES_MAX
    )]
    TooLong,
}

/// What one session subscribed to, and how it is told.
///
/// Dropped, it is subscribed to nothing.
pub struct Subscriber {
    channels: Arc<Channels>,
    outbox: Arc<Outbox>,
    form: &'static dyn MessageForm,
    subscribed: [ByName; 3],
    bytes: usize,
}

impl Subscriber {
    /// A session that is told by way of `outbox` in this form, and has not subscribed to anything yet.
    pub fn new(channels: Arc<Channels>, outbox: Arc<Outbox>, form: &'static dyn MessageForm) -> Self {
        Subscriber { channels, outbox, form, subscribed: Default::default(), bytes: 0 }
    }

    /// How many channels and patterns it subscribed to.
    fn len(&self) -> usize {
        self.of(Space::Channels) + self.of(Space::Patterns)
    }

    /// How many subscriptions there are of a space.
    pub fn of(&self, space: Space) -> usize {
        self.subscribed[space as usize].len()
    }

    /// The subscriptions that are counted together with those of this space.
    pub fn count(&self, space: Space) -> usize {
        if space == Space::ShardChannels { self.of(space) } else { self.len() }
    }

    /// Subscribes to a name, where `max` subscriptions in all are allowed. What is published from here on
    /// is held back in the outbox until the replies so far, and the confirmation, have been
    /// [committed](Outbox::commit).
    pub fn subscribe(&mut self, space: Space, name: &[u8], max: usize) -> Result<(), SubscribeError> {
        if self.subscribed[space as usize].contains_key(name) {
            return Ok(());
        }
        self.check_room(space, name, max)?;
        let audience = self.channels.join(&self.outbox, self.form, space, name);
        self.bytes += name.len();
        self.subscribed[space as usize].insert(audience.name.clone(), audience);
        Ok(())
    }

    fn check_room(&self, space: Space, name: &[u8], max: usize) -> Result<(), SubscribeError> {
        let name_max =
            if space == Space::Patterns { limits::PATTERN_BYTES_MAX } else { limits::KEY_BYTES_MAX };
        if name.len() > name_max {
            return Err(SubscribeError::TooLong);
        }
        if self.subscribed.iter().map(IndexMap::len).sum::<usize>() >= max {
            return Err(SubscribeError::TooMany(max));
        }
        if self.bytes + name.len() > limits::SUBSCRIBED_BYTES_PER_SESSION_MAX {
            return Err(SubscribeError::TooLongTogether);
        }
        Ok(())
    }

    /// Ends a subscription; whether there was one. What was published before is in the outbox by then,
    /// so that a confirmation which is written now comes after it.
    pub fn unsubscribe(&mut self, space: Space, name: &[u8]) -> bool {
        let Some((name, audience)) = self.subscribed[space as usize].swap_remove_entry(name) else {
            return false;
        };
        self.bytes -= name.len();
        self.channels.leave(&self.outbox, self.form, [&audience]);
        true
    }

    /// Ends one subscription of a space, if there is any; what it was to.
    pub fn unsubscribe_one(&mut self, space: Space) -> Option<Bytes> {
        let (name, audience) = self.subscribed[space as usize].pop()?;
        self.bytes -= name.len();
        self.channels.leave(&self.outbox, self.form, [&audience]);
        Some(name)
    }

    /// From now on it is told in another form.
    pub fn change_form(&mut self, form: &'static dyn MessageForm) {
        if form.number() == self.form.number() {
            return;
        }
        let audiences = self.subscribed.iter().flat_map(IndexMap::values);
        self.channels.change_form(&self.outbox, audiences, self.form, form);
        self.form = form;
    }

    /// Has what was published so far queued before the replies to come.
    pub fn settle(&self) {
        self.channels.settle();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let audiences = self.subscribed.iter().flat_map(IndexMap::values);
        self.channels.leave(&self.outbox, self.form, audiences);
    }
}
