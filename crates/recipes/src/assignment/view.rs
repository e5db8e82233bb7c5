//! How a topic stands, as one watch tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyrax_coordination::{Event, EventKind, Key, KeyRange, KeyValue};
use hyrax_types::Revision;

use crate::group::layout::{folder, name_of};
use crate::layout::escape;
use crate::mirror::Materialized;

/// A member that takes ids, and the seat by which it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Taker {
    pub(super) member: String,
    pub(super) owner: String,
}

/// Who has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) taker: Taker,
    pub(super) token: Revision,
}

/// Where a topic lies.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// `/<group>/assignments/<topic>/`
    prefix: Vec<u8>,
}

impl Layout {
    pub(super) fn new(group: &str, topic: &str) -> Layout {
        let mut prefix = folder(group, "assignments");
        escape(topic.as_bytes(), &mut prefix);
        prefix.push(b'/');
        Layout { prefix }
    }

    pub(super) fn everything(&self) -> KeyRange {
        KeyRange::prefix(self.prefix.clone())
    }

    pub(super) fn ids(&self) -> Key {
        [&self.prefix[..], b"ids"].concat().into()
    }

    pub(super) fn takers(&self) -> KeyRange {
        KeyRange::prefix([&self.prefix[..], b"takers/"].concat())
    }

    pub(super) fn taker(&self, member: &str) -> Key {
        self.key(b"takers/", member)
    }

    /// Every place of everybody.
    pub(super) fn owners(&self) -> KeyRange {
        KeyRange::prefix([&self.prefix[..], b"owners/"].concat())
    }

    /// The lock that an id is: whoever has the key in it has the id.
    pub(super) fn lock(&self, id: &str) -> Key {
        self.key(b"owners/", id)
    }

    /// Every key in that lock.
    pub(super) fn places(&self, id: &str) -> KeyRange {
        KeyRange::prefix([&self.lock(id), &b"/"[..]].concat())
    }

    /// The key by which an owner has an id.
    pub(super) fn place(&self, id: &str, owner: &str) -> Key {
        [&self.lock(id), &b"/"[..], owner.as_bytes()].concat().into()
    }

    fn key(&self, folder: &[u8], name: &str) -> Key {
        let mut key = [&self.prefix[..], folder].concat();
        escape(name.as_bytes(), &mut key);
        key.into()
    }
}

/// What is known of a topic.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Bytes before what tells the keys of a topic apart.
    pub(super) prefix: usize,
    pub(super) ids: BTreeSet<String>,
    /// By member, the owner of its seat.
    pub(super) takers: BTreeMap<String, String>,
    /// By id: the first has it.
    pub(super) places: BTreeMap<String, Vec<Owned>>,
}

impl View {
    pub(super) fn new(layout: &Layout) -> View {
        View { prefix: layout.prefix.len(), ..View::default() }
    }

    pub(super) fn takers(&self) -> impl Iterator<Item = Taker> {
        self.takers.iter().map(|(member, owner)| Taker { member: member.clone(), owner: owner.clone() })
    }

    pub(super) fn takes(&self, taker: &Taker) -> bool {
        self.takers.get(&taker.member) == Some(&taker.owner)
    }

    /// Everybody who has an id.
    pub(super) fn owned(&self) -> impl Iterator<Item = (&String, &Owned)> {
        self.places.iter().filter_map(|(id, places)| Some((id, places.first()?)))
    }

    pub(super) fn owner(&self, id: &str) -> Option<&Owned> {
        self.places.get(id)?.first()
    }

    /// Takes in that somebody has a place.
    pub(super) fn enter(&mut self, id: String, owned: Owned) {
        let places = self.places.entry(id).or_default();
        places.retain(|other| other.taker.owner != owned.taker.owner);
        places.push(owned);
        places.sort_unstable_by_key(|owned| owned.token);
    }

    /// Takes in that somebody has none any more.
    pub(super) fn leave(&mut self, id: &str, owner: &str) {
        let Some(places) = self.places.get_mut(id) else { return };
        places.retain(|owned| owned.taker.owner != owner);
        if places.is_empty() {
            self.places.remove(id);
        }
    }

    fn put(&mut self, kv: &KeyValue) {
        match self.part(&kv.key) {
            // What is no list of names is no list of ids.
            Some(Part::Ids) => self.ids = serde_json::from_slice(&kv.value).unwrap_or_default(),
            Some(Part::Taker(member)) => drop(self.takers.insert(member, text(&kv.value))),
            Some(Part::Place { id, owner }) => {
                let taker = Taker { member: text(&kv.value), owner };
                self.enter(id, Owned { taker, token: kv.create_revision });
            }
            None => {}
        }
    }

    fn delete(&mut self, key: &[u8]) {
        match self.part(key) {
            Some(Part::Ids) => self.ids.clear(),
            Some(Part::Taker(member)) => drop(self.takers.remove(&member)),
            Some(Part::Place { id, owner }) => self.leave(&id, &owner),
            None => {}
        }
    }

    fn part(&self, key: &[u8]) -> Option<Part> {
        let parts: Vec<&[u8]> = key.get(self.prefix..)?.split(|&byte| byte == b'/').collect();
        match parts[..] {
            [b"ids"] => Some(Part::Ids),
            [b"takers", member] => Some(Part::Taker(name_of(member)?)),
            [b"owners", id, owner] => Some(Part::Place { id: name_of(id)?, owner: text(owner) }),
            _ => None,
        }
    }
}

/// What a key of a topic is about.
enum Part {
    Ids,
    Taker(String),
    Place { id: String, owner: String },
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Materialized for View {
    fn reset(&mut self, _: Revision, kvs: &[Arc<KeyValue>]) {
        *self = View { prefix: self.prefix, ..View::default() };
        kvs.iter().for_each(|kv| self.put(kv));
    }

    fn apply(&mut self, _: Revision, events: &[Event]) {
        for event in events {
            match event.kind {
                EventKind::Put => self.put(&event.kv),
                EventKind::Delete => self.delete(&event.kv.key),
            }
        }
    }
}
