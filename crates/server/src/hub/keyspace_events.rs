//! Keyspace events: what happens to keys, published to channels as Redis does
//! (<https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/>).
//!
//! Two channels tell of an event: that of the key, `__keyspace@0__:<key>`, what happened; and that of what
//! happened, `__keyevent@0__:<event>`, the key. Nothing is published unless an operator asks for it.

use super::channels::{Channels, Space};
use hyrax_values::EventClass;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Classes of events by their letters, in the order in which Redis writes them.
const CLASSES: [(char, u32); 11] = [
    ('g', bit(EventClass::Generic)),
    ('$', bit(EventClass::String)),
    ('l', bit(EventClass::List)),
    ('s', bit(EventClass::Set)),
    ('h', bit(EventClass::Hash)),
    ('z', bit(EventClass::SortedSet)),
    ('x', bit(EventClass::Expired)),
    ('e', bit(EventClass::Evicted)),
    ('t', bit(EventClass::Stream)),
    ('d', MODULES),
    ('n', bit(EventClass::New)),
];

/// What modules tell. There are none here, but the setting knows them.
const MODULES: u32 = 1 << 28;

/// To the channel of the key.
const KEYSPACE: u32 = 1 << 29;

/// To the channel of the event.
const KEYEVENT: u32 = 1 << 30;

/// What `A` stands for: everything but new keys, missed ones, and where to.
const ALL: u32 = bit(EventClass::Generic)
    | bit(EventClass::String)
    | bit(EventClass::List)
    | bit(EventClass::Set)
    | bit(EventClass::Hash)
    | bit(EventClass::SortedSet)
    | bit(EventClass::Expired)
    | bit(EventClass::Evicted)
    | bit(EventClass::Stream)
    | MODULES;

const fn bit(class: EventClass) -> u32 {
    1 << class as u32
}

/// Which keyspace events are published, as `notify-keyspace-events` says it; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventClasses(u32);

/// A letter that stands for no class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")]
pub struct UnknownClass;

impl EventClasses {
    /// Whether events of a class are published anywhere.
    pub fn contains(self, class: EventClass) -> bool {
        self.0 & bit(class) != 0 && self.0 & (KEYSPACE | KEYEVENT) != 0
    }

    pub(super) fn publish(self, channels: &Channels, event: &str, key: &[u8]) {
        // Nobody listens, most often.
        if channels.is_empty() {
            return;
        }
        if self.0 & KEYSPACE != 0 {
            let channel = [b"__keyspace@0__:", key].concat();
            channels.publish(Space::Channels, &channel, event.as_bytes());
        }
        if self.0 & KEYEVENT != 0 {
            let channel = [b"__keyevent@0__:", event.as_bytes()].concat();
            channels.publish(Space::Channels, &channel, key);
        }
    }
}

impl FromStr for EventClasses {
    type Err = UnknownClass;

    fn from_str(letters: &str) -> Result<Self, UnknownClass> {
        let mut bits = 0;
        for letter in letters.chars() {
            bits |= match letter {
                'A' => ALL,
                'K' => KEYSPACE,
                'E' => KEYEVENT,
                'm' => bit(EventClass::Missed),
                _ => CLASSES.iter().find(|(known, _)| *known == letter).ok_or(UnknownClass)?.1,
            };
        }
        Ok(EventClasses(bits))
    }
}

impl TryFrom<String> for EventClasses {
    type Error = UnknownClass;

    fn try_from(letters: String) -> Result<Self, UnknownClass> {
        letters.parse()
    }
}

impl From<EventClasses> for String {
    fn from(classes: EventClasses) -> Self {
        classes.to_string()
    }
}

impl fmt::Display for EventClasses {
    /// As `CONFIG GET` of Redis 7.0 gives it, which forgets `n` beside `A`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        if self.0 & ALL == ALL {
            f.write_char('A')?;
        } else {
            for (letter, _) in CLASSES.iter().filter(|(_, bit)| self.0 & bit != 0) {
                f.write_char(*letter)?;
            }
        }
        for (letter, bit) in [('K', KEYSPACE), ('E', KEYEVENT), ('m', bit(EventClass::Missed))] {
            if self.0 & bit != 0 {
                f.write_char(letter)?;
            }
        }
        Ok(())
    }
}

/// The classes that are published now.
#[derive(Default)]
pub(super) struct KeyspaceEvents {
    now: AtomicU32,
    /// What the configuration asked for last.
    configured: AtomicU32,
}

impl KeyspaceEvents {
    pub fn get(&self) -> EventClasses {
        EventClasses(self.now.load(Ordering::Relaxed))
    }

    pub fn set(&self, classes: EventClasses) {
        self.now.store(classes.0, Ordering::Relaxed);
    }

    pub fn configure(&self, classes: EventClasses) {
        if self.configured.swap(classes.0, Ordering::Relaxed) != classes.0 {
            self.set(classes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(letters: &str) -> String {
        letters.parse::<EventClasses>().expect("known letters").to_string()
    }

    #[test]
    fn classes_are_shown_as_redis_shows_them() {
        assert_eq!(shown(""), "");
        assert_eq!(shown("KEA"), "AKE");
        assert_eq!(shown("mnKEA"), "AKEm", "Redis 7.0 forgets n beside A");
        assert_eq!(shown("mnEKt$g"), "g$tnKEm");
        assert_eq!(shown("g$lshzxetd"), "A");
        assert_eq!("KEAq".parse::<EventClasses>(), Err(UnknownClass));
    }

    #[test]
    fn nothing_is_published_without_saying_where_to() {
        let classes = |letters: &str| letters.parse::<EventClasses>().expect("known letters");
        assert!(!classes("A").contains(EventClass::String));
        assert!(!classes("KE").contains(EventClass::String));
        assert!(classes("K$").contains(EventClass::String));
        assert!(!classes("K$").contains(EventClass::List));
        assert!(classes("EA").contains(EventClass::Expired));
        assert!(!classes("EA").contains(EventClass::New));
        assert!(!classes("EA").contains(EventClass::Missed));
    }
}
