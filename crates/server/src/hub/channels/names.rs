//! Which channels and patterns have subscribers, and what was published to them and is still to be handed
//! out: the side of whoever publishes.

use super::audience::Audience;
use super::message::{MESSAGE_FORMS, Message, MessageForm, Messages, Space};
use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap};
use hyrax_values::glob_matches;
use indexmap::IndexMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of messages that are handed out together: as many as leave with one write.
const RUN_BYTES: usize = 64 * 1024;

/// About how much memory a run takes beside its messages.
const RUN_OVERHEAD: usize = size_of::<Run>() + 64;

type ByName = HashMap<Bytes, Arc<Audience>, DefaultHashBuilder>;

/// Audiences by what they subscribed to, and what was published to them.
#[derive(Default)]
pub(super) struct Names {
    channels: ByName,
    shard_channels: ByName,
    /// In an order that stays while none goes: all subscribers see it.
    patterns: IndexMap<Bytes, Arc<Audience>, DefaultHashBuilder>,
    log: VecDeque<Run>,
    log_bytes: usize,
}

/// Messages to one audience that follow each other in the order of everything published.
pub(super) struct Run {
    pub audience: Arc<Audience>,
    /// In each form that somebody of the audience is told in.
    forms: [Option<Vec<u8>>; MESSAGE_FORMS],
    bytes: usize,
    count: usize,
}

impl Names {
    /// How many audiences there are.
    pub fn len(&self) -> usize {
        self.channels.len() + self.shard_channels.len() + self.patterns.len()
    }

    /// How many bytes wait to be handed out.
    pub fn log_bytes(&self) -> usize {
        self.log_bytes
    }

    pub fn find(&self, space: Space, name: &[u8]) -> Option<&Arc<Audience>> {
        match space {
            Space::Channels => self.channels.get(name),
            Space::ShardChannels => self.shard_channels.get(name),
            Space::Patterns => self.patterns.get(name),
        }
    }

    pub fn find_or_insert(&mut self, space: Space, name: &[u8]) -> Arc<Audience> {
        if let Some(found) = self.find(space, name) {
            return found.clone();
        }
        let name = Bytes::copy_from_slice(name);
        let audience = Audience::new(space, name.clone());
        match space {
            Space::Channels => drop(self.channels.insert(name, audience.clone())),
            Space::ShardChannels => drop(self.shard_channels.insert(name, audience.clone())),
            Space::Patterns => drop(self.patterns.insert(name, audience.clone())),
        }
        audience
    }

    /// Forgets what nobody subscribes to any more.
    pub fn forget(&mut self, space: Space, name: &[u8]) {
        match space {
            Space::Channels => forget(&mut self.channels, name),
            Space::ShardChannels => forget(&mut self.shard_channels, name),
            Space::Patterns => {
                self.patterns.swap_remove(name);
                if self.patterns.capacity() > 4 * self.patterns.len() + 64 {
                    self.patterns.shrink_to_fit();
                }
            }
        }
    }

    /// Everything of a space that has subscribers.
    pub fn all(&self, space: Space) -> Box<dyn Iterator<Item = &Arc<Audience>> + '_> {
        match space {
            Space::Channels => Box::new(self.channels.values()),
            Space::ShardChannels => Box::new(self.shard_channels.values()),
            Space::Patterns => Box::new(self.patterns.values()),
        }
    }

    /// How many patterns are subscribed to.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Appends what somebody publishes to the log; the number of subscribers that it will be handed to.
    pub fn publish(
        &mut self,
        forms: &[Option<&'static dyn MessageForm>; MESSAGE_FORMS],
        space: Space,
        channel: &[u8],
        payload: &[u8],
    ) -> usize {
        let Names { channels, shard_channels, patterns, log, log_bytes } = self;
        let mut receivers = 0;
        let mut append = |audience: &Arc<Audience>, pattern| {
            receivers += audience.len();
            let message = Message { space, pattern, channel, payload };
            *log_bytes += append(log, audience, forms, &message);
        };
        if space == Space::ShardChannels {
            shard_channels.get(channel).into_iter().for_each(|audience| append(audience, None));
            return receivers;
        }
        channels.get(channel).into_iter().for_each(|audience| append(audience, None));
        for (pattern, audience) in patterns {
            if glob_matches(pattern, channel) {
                append(audience, Some(&pattern[..]));
            }
        }
        receivers
    }

    /// Takes everything that waits.
    pub fn take_log(&mut self) -> VecDeque<Run> {
        self.log_bytes = 0;
        std::mem::take(&mut self.log)
    }
}

fn forget(by_name: &mut ByName, name: &[u8]) {
    by_name.remove(name);
    if by_name.capacity() > 4 * by_name.len() + 64 {
        by_name.shrink_to_fit();
    }
}

/// Appends a message to one audience, to the run before where that is of the same; the memory it takes.
fn append(
    log: &mut VecDeque<Run>,
    audience: &Arc<Audience>,
    forms: &[Option<&'static dyn MessageForm>; MESSAGE_FORMS],
    message: &Message<'_>,
) -> usize {
    let joins = |run: &&mut Run| Arc::ptr_eq(&run.audience, audience) && run.bytes < RUN_BYTES;
    if let Some(run) = log.back_mut().filter(joins) {
        return run.push(forms, message);
    }
    let mut run = Run {
        audience: audience.clone(),
        // Nobody comes or goes while the run waits, so the forms in use stay the same.
        forms: std::array::from_fn(|form| audience.has_form(form).then(Vec::new)),
        bytes: 0,
        count: 0,
    };
    let size = run.push(forms, message);
    log.push_back(run);
    size + RUN_OVERHEAD
}

impl Run {
    fn push(
        &mut self,
        forms: &[Option<&'static dyn MessageForm>; MESSAGE_FORMS],
        message: &Message<'_>,
    ) -> usize {
        let before = self.bytes;
        self.count += 1;
        for (form, out) in forms.iter().zip(&mut self.forms) {
            if let (Some(form), Some(out)) = (form, out) {
                let length = out.len();
                form.encode(message, out);
                self.bytes += out.len() - length;
            }
        }
        self.bytes - before
    }

    /// The messages in each form in use, to be shared.
    pub fn into_messages(self) -> impl Iterator<Item = (usize, Arc<Messages>)> {
        let count = self.count;
        let of_form = move |(form, bytes): (usize, Option<Vec<u8>>)| {
            Some((form, Arc::new(Messages { bytes: bytes?.into(), count })))
        };
        self.forms.into_iter().enumerate().filter_map(of_form)
    }
}
