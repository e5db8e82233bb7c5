//! Something that monitors are told, encoded once for each form in use.

use bytes::Bytes;
use hyrax_types::{OwnedChange, Revision};
use std::sync::{Arc, OnceLock};

/// A form in which pushes leave: one for each dialect of each door.
///
/// The hub asks for the bytes once and hands the same to every monitor of that form. It knows the
/// forms by their number alone.
pub trait Form: Send + Sync + 'static {
    /// This form's place in [`FORMS`]: no two forms share one.
    fn number(&self) -> usize;

    /// The bytes of a push.
    fn encode(&self, what: &What, out: &mut Vec<u8>);
}

/// How many forms there can be.
pub const FORMS: usize = 4;

/// What happened.
#[derive(Debug)]
pub enum What {
    /// A live value changed.
    Change(OwnedChange),
    /// Somebody came to or left an EKG.
    Presence(PresenceChange),
}

/// A change of an EKG.
#[derive(Debug)]
pub struct PresenceChange {
    /// The EKG.
    pub ekg: Bytes,
    /// Where in the EKG's history this stands.
    pub erev: Revision,
    /// What happened.
    pub kind: PresenceKind,
}

/// What happened to an EKG.
#[derive(Debug)]
pub enum PresenceKind {
    /// An id was added; in the place of another one of the same connection, where there was one.
    Added {
        /// The id or name.
        id: Bytes,
        /// The id that the connection had before.
        replaces: Option<Bytes>,
    },
    /// An id was removed on purpose.
    Removed {
        /// The id or name.
        id: Bytes,
    },
    /// A connection ended.
    Closed {
        /// The id or name.
        id: Bytes,
        /// Why, in a word.
        cause: &'static str,
    },
    /// What happened is not known: every monitor is told the members anew.
    Lost,
}

/// One event on its way to its monitors.
pub struct Event {
    what: What,
    encoded: [OnceLock<Bytes>; FORMS],
}

impl Event {
    /// An event that nobody has encoded yet.
    pub fn new(what: What) -> Self {
        Event { what, encoded: Default::default() }
    }

    /// What happened.
    pub fn what(&self) -> &What {
        &self.what
    }

    /// The key or EKG it happened to.
    pub fn key(&self) -> &[u8] {
        match &self.what {
            What::Change(change) => change.key(),
            What::Presence(change) => &change.ekg,
        }
    }

    /// Whether it says that events were lost, and is answered with a reset.
    pub fn is_loss(&self) -> bool {
        matches!(&self.what, What::Presence(PresenceChange { kind: PresenceKind::Lost, .. }))
    }

    /// The bytes in a form.
    pub fn encoded(&self, form: &'static dyn Form) -> &Bytes {
        self.encoded[form.number()].get_or_init(|| {
            let mut out = Vec::with_capacity(128);
            form.encode(&self.what, &mut out);
            out.into()
        })
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        let what = match &self.what {
            What::Change(change) => change.size(),
            What::Presence(change) => change.ekg.len() + 64,
        };
        // The encoded form repeats the content once, seldom twice.
        2 * what + size_of::<Self>()
    }
}

/// Events of one topic that follow each other and leave together: to most subscribers as the same
/// bytes, put side by side once.
pub struct Segment {
    events: Vec<Arc<Event>>,
    encoded: [OnceLock<Bytes>; FORMS],
}

impl Segment {
    /// A segment of events in their order.
    pub fn new(events: Vec<Arc<Event>>) -> Arc<Self> {
        Arc::new(Segment { events, encoded: Default::default() })
    }

    /// The events, in order.
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    /// The bytes of all of them in a form.
    pub fn encoded(&self, form: &'static dyn Form) -> &Bytes {
        self.encoded[form.number()].get_or_init(|| match &self.events[..] {
            [only] => only.encoded(form).clone(),
            events => {
                let size = events.iter().map(|event| event.encoded(form).len()).sum();
                let mut bytes = Vec::with_capacity(size);
                events.iter().for_each(|event| bytes.extend_from_slice(event.encoded(form)));
                bytes.into()
            }
        })
    }

    /// Whether one of them says that events were lost.
    pub fn has_loss(&self) -> bool {
        self.events.iter().any(|event| event.is_loss())
    }
}
