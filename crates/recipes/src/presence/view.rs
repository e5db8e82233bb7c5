//! Who is in which EKG, as this node sees it, and what it tells of each change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hyrax_coordination::{Event, EventKind, Key, KeyValue, LeaseId};
use hyrax_types::Revision;

use super::layout::{Entry, EntryValue, Note};
use super::{
    Cause, EntryKind, Member, PresenceEvent, PresenceEventKind, PresenceListener, Scope, SessionRef,
};
use crate::mirror::Materialized;

/// A member within its EKG: ordered by name, so that a name is found without looking at the others.
type MemberKey = (Key, SessionRef, EntryKind);

#[derive(Default)]
struct Ekg {
    /// With the time each joined.
    members: BTreeMap<MemberKey, u64>,
    /// How many entries each connection has.
    connections: HashMap<SessionRef, usize>,
}

/// The materialized entries.
pub(super) struct View {
    ekgs: HashMap<Key, Ekg>,
    listener: Arc<dyn PresenceListener>,
    /// Before the first time there is nobody to tell.
    loaded: bool,
}

impl Ekg {
    fn insert(&mut self, entry: &Entry, joined_ms: u64) -> bool {
        let new = self.members.insert(member_key(entry), joined_ms).is_none();
        if new {
            *self.connections.entry(entry.session).or_default() += 1;
        }
        new
    }

    fn remove(&mut self, entry: &Entry) -> bool {
        let was_there = self.members.remove(&member_key(entry)).is_some();
        if was_there && let Some(entries) = self.connections.get_mut(&entry.session) {
            *entries -= 1;
            if *entries == 0 {
                self.connections.remove(&entry.session);
            }
        }
        was_there
    }

    fn members(&self) -> impl Iterator<Item = Member> {
        self.members.iter().map(|((name, session, kind), joined_ms)| Member {
            name: name.clone(),
            session: *session,
            kind: *kind,
            joined_ms: *joined_ms,
        })
    }
}

fn member_key(entry: &Entry) -> MemberKey {
    (entry.name.clone(), entry.session, entry.kind)
}

fn within(scope: Scope, local: LeaseId, session: &SessionRef) -> bool {
    scope == Scope::Cluster || session.node == local
}

impl View {
    pub(super) fn new(listener: Arc<dyn PresenceListener>) -> View {
        View { ekgs: HashMap::new(), listener, loaded: false }
    }

    pub(super) fn entries(&self) -> usize {
        self.ekgs.values().map(|ekg| ekg.members.len()).sum()
    }

    pub(super) fn members(&self, ekg: &[u8], scope: Scope, local: LeaseId) -> Vec<Member> {
        let Some(ekg) = self.ekgs.get(ekg) else { return Vec::new() };
        ekg.members().filter(|member| within(scope, local, &member.session)).collect()
    }

    pub(super) fn card(&self, ekg: &[u8], scope: Scope, local: LeaseId) -> usize {
        let Some(ekg) = self.ekgs.get(ekg) else { return 0 };
        match scope {
            Scope::Cluster => ekg.connections.len(),
            Scope::Local => ekg.connections.keys().filter(|session| session.node == local).count(),
        }
    }

    pub(super) fn contains(&self, ekg: &[u8], name: &Key, scope: Scope, local: LeaseId) -> bool {
        let Some(ekg) = self.ekgs.get(ekg) else { return false };
        ekg.members
            .range((name.clone(), SessionRef::FIRST, EntryKind::Flat)..)
            .take_while(|((other, _, _), _)| other == name)
            .any(|((_, session, _), _)| within(scope, local, session))
    }

    fn insert(&mut self, entry: &Entry, joined_ms: u64) -> bool {
        self.ekgs.entry(entry.ekg.clone()).or_default().insert(entry, joined_ms)
    }

    fn remove(&mut self, entry: &Entry) -> bool {
        let Some(ekg) = self.ekgs.get_mut(&entry.ekg) else { return false };
        let was_there = ekg.remove(entry);
        if ekg.members.is_empty() {
            self.ekgs.remove(&entry.ekg);
        }
        was_there
    }

    fn tell(&self, erev: Revision, entry: Entry, kind: impl FnOnce(Key) -> PresenceEventKind) {
        let Entry { ekg, name, session, kind: entry_kind } = entry;
        let kind = kind(name);
        self.listener.presence(PresenceEvent { ekg, erev, session: Some((session, entry_kind)), kind });
    }
}

/// The entry that an event is about and, of a put, what it holds.
fn entry_of(event: &Event) -> Option<(Entry, Option<EntryValue>)> {
    let entry = Entry::of_key(&event.kv.key)?;
    match event.kind {
        EventKind::Put => Some((entry, Some(EntryValue::of_value(&event.kv.value)?))),
        EventKind::Delete => Some((entry, None)),
    }
}

impl Materialized for View {
    fn reset(&mut self, revision: Revision, kvs: &[Arc<KeyValue>]) {
        let before = std::mem::take(&mut self.ekgs);
        for kv in kvs {
            if let (Some(entry), Some(value)) = (Entry::of_key(&kv.key), EntryValue::of_value(&kv.value)) {
                self.insert(&entry, value.joined_ms);
            }
        }
        if !std::mem::replace(&mut self.loaded, true) {
            return;
        }
        // What looks unchanged may have changed and changed back: whoever counts must be told.
        let touched: HashSet<&Key> = before.keys().chain(self.ekgs.keys()).collect();
        for ekg in touched {
            let members = self.ekgs.get(ekg).map(|ekg| ekg.members().collect()).unwrap_or_default();
            self.listener.presence(PresenceEvent {
                ekg: ekg.clone(),
                erev: revision,
                session: None,
                kind: PresenceEventKind::Reset { members },
            });
        }
    }

    fn apply(&mut self, revision: Revision, events: &[Event]) {
        let note = events.iter().filter(|event| event.kind == EventKind::Put).find_map(|e| Note::of(&e.kv));
        let mut gone: Vec<Entry> = Vec::new();
        let mut come = Vec::new();
        for (entry, value) in events.iter().filter_map(entry_of) {
            match value {
                Some(value) if self.insert(&entry, value.joined_ms) => come.push((entry, value)),
                None if self.remove(&entry) => gone.push(entry),
                _ => {}
            }
        }
        for (entry, value) in come {
            // A connection has one flat id in an EKG: the one that goes as another comes is replaced.
            let replaced = gone.iter().position(|old| {
                old.kind == EntryKind::Flat
                    && entry.kind == EntryKind::Flat
                    && (old.session, &old.ekg) == (entry.session, &entry.ekg)
            });
            let replaces = replaced.map(|index| gone.remove(index).name);
            if !value.quiet {
                self.tell(revision, entry, |id| PresenceEventKind::Added { id, replaces });
            }
        }
        for entry in gone {
            match &note {
                Some(Note::Removed { quiet: true, .. }) => {}
                Some(Note::Removed { quiet: false, given }) => {
                    let given = given.clone();
                    self.tell(revision, entry, |id| PresenceEventKind::Removed { id, given });
                }
                Some(Note::Closed(cause)) => {
                    let cause = *cause;
                    self.tell(revision, entry, |id| PresenceEventKind::Closed { id, cause });
                }
                None => {
                    let cause = Cause::NodeLost;
                    self.tell(revision, entry, |id| PresenceEventKind::Closed { id, cause });
                }
            }
        }
    }
}
