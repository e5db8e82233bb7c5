//! Which nodes the services have, and what a revision does to them. It asks nobody: what it needs to know beside
//! the events, it is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hyrax_coordination::{Event, EventKind, Key, KeyValue, LeaseId};
use hyrax_types::Revision;

use super::layout::{Note, node_of, service_of};
use super::{KeyEvent, ServiceEvent, ServiceName, ServiceNode};

/// A node, and the lease that it hangs on.
type Registered = (ServiceNode, LeaseId);

/// The nodes of the services that are looked at.
#[derive(Default)]
pub(super) struct View {
    services: BTreeMap<ServiceName, BTreeMap<Key, Registered>>,
    /// Leases of those who note why they delete.
    noting: HashSet<LeaseId>,
    /// Which services are looked at; none for all.
    wanted: Option<BTreeSet<ServiceName>>,
}

/// Which event a deletion is, so far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Known(KeyEvent),
    /// An expiry, if that lease is gone.
    OfLease(LeaseId),
}

impl View {
    /// A view of those services, or of all.
    pub(super) fn of(wanted: Option<BTreeSet<ServiceName>>) -> View {
        View { wanted, ..View::default() }
    }

    /// The services that have nodes, by name.
    pub(super) fn names(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.keys()
    }

    /// The nodes of a service in order, each once, however many keys name it.
    pub(super) fn nodes(&self, service: &str) -> Vec<ServiceNode> {
        let keys = self.services.get(service);
        let mut nodes: Vec<_> = keys.into_iter().flat_map(BTreeMap::values).map(|(node, _)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    fn wants(&self, service: &ServiceName) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(service))
    }

    fn remove(&mut self, service: &ServiceName, key: &Key) -> Option<Registered> {
        let keys = self.services.get_mut(service)?;
        let removed = keys.remove(key);
        if keys.is_empty() {
            self.services.remove(service);
        }
        removed
    }

    fn take_in(&mut self, kv: &KeyValue) {
        if let Some(lease) = Note::lease_of(&kv.key) {
            self.noting.insert(lease);
        }
        if let Some(service) = service_of(&kv.key)
            && self.wants(&service)
            && let Some(node) = node_of(&kv.value)
        {
            self.services.entry(service).or_default().insert(kv.key.clone(), (node, kv.lease));
        }
    }

    /// Begins with all that is there.
    pub(super) fn load(&mut self, kvs: &[Arc<KeyValue>]) {
        kvs.iter().for_each(|kv| self.take_in(kv));
    }

    /// Leases of whom it must be known whether they are gone, before these events of one revision are taken in.
    pub(super) fn doubtful(&self, events: &[Event]) -> Vec<LeaseId> {
        let notes = Notes::of(events);
        let deleted = events.iter().filter(|event| event.kind == EventKind::Delete);
        let leases = deleted.filter_map(|event| {
            let (_, lease) = self.services.get(&service_of(&event.kv.key)?)?.get(&event.kv.key)?;
            match notes.cause(*lease, &self.noting) {
                Cause::OfLease(lease) => Some(lease),
                Cause::Known(_) => None,
            }
        });
        leases.collect::<HashSet<_>>().into_iter().collect()
    }

    /// Takes in the events of one revision, and what there is to tell of them. `is_gone` knows of the leases in doubt.
    pub(super) fn apply(&mut self, events: &[Event], is_gone: impl Fn(LeaseId) -> bool, news: &mut News) {
        let notes = Notes::of(events);
        for Event { kind, kv, .. } in events {
            let Some(service) = service_of(&kv.key) else { continue };
            if !self.wants(&service) {
                continue;
            }
            match (kind, node_of(&kv.value)) {
                (EventKind::Put, Some(node)) => {
                    let keys = self.services.entry(service.clone()).or_default();
                    keys.insert(kv.key.clone(), (node, kv.lease));
                    news.add(service, KeyEvent::Put);
                }
                (EventKind::Put, None) => {
                    if self.remove(&service, &kv.key).is_some() {
                        news.add(service, KeyEvent::Delete);
                    }
                }
                (EventKind::Delete, _) => {
                    if let Some((_, lease)) = self.remove(&service, &kv.key) {
                        news.add(service, decided(notes.cause(lease, &self.noting), &is_gone));
                    }
                }
            }
        }
        for (lease, note) in notes.0 {
            match note {
                Some(_) => self.noting.insert(lease),
                None => self.noting.remove(&lease),
            };
        }
    }

    /// Leases of whom it must be known whether they are gone, before `kvs` takes the place of what was there.
    pub(super) fn doubtful_in(&self, kvs: &[Arc<KeyValue>]) -> Vec<LeaseId> {
        let there: HashSet<&Key> = kvs.iter().map(|kv| &kv.key).collect();
        let keys = self.services.values().flatten();
        let leases = keys.filter(|(key, _)| !there.contains(key)).map(|(_, (_, lease))| *lease);
        let leases = leases.filter(|lease| *lease != LeaseId::NONE && !self.noting.contains(lease));
        leases.collect::<HashSet<_>>().into_iter().collect()
    }

    /// Begins anew with all that is there, as what happened in between is forgotten; tells the difference.
    pub(super) fn reload(
        &mut self,
        revision: Revision,
        kvs: &[Arc<KeyValue>],
        is_gone: impl Fn(LeaseId) -> bool,
    ) -> Vec<ServiceEvent> {
        let wanted = self.wanted.take();
        let before = std::mem::replace(self, View::of(wanted));
        self.load(kvs);
        let mut news = News::default();
        for (service, keys) in &before.services {
            let now = self.services.get(service);
            for (key, (_, lease)) in keys {
                if now.is_some_and(|now| now.contains_key(key)) {
                    continue;
                }
                let cause = match () {
                    () if *lease == LeaseId::NONE || self.noting.contains(lease) => {
                        Cause::Known(KeyEvent::Delete)
                    }
                    () if before.noting.contains(lease) => Cause::Known(KeyEvent::Expire),
                    () => Cause::OfLease(*lease),
                };
                news.add(service.clone(), decided(cause, &is_gone));
            }
        }
        for (service, keys) in &self.services {
            let before = before.services.get(service);
            if keys.iter().any(|(key, (node, _))| {
                before.and_then(|before| before.get(key)).is_none_or(|(old, _)| old != node)
            }) {
                news.add(service.clone(), KeyEvent::Put);
            }
        }
        news.told(revision, self)
    }
}

fn decided(cause: Cause, is_gone: impl Fn(LeaseId) -> bool) -> KeyEvent {
    match cause {
        Cause::Known(event) => event,
        Cause::OfLease(lease) if is_gone(lease) => KeyEvent::Expire,
        Cause::OfLease(_) => KeyEvent::Delete,
    }
}

/// What one revision notes of each lease; none where the note itself is deleted.
struct Notes(HashMap<LeaseId, Option<Note>>);

impl Notes {
    fn of(events: &[Event]) -> Notes {
        let notes = events.iter().filter_map(|Event { kind, kv, .. }| {
            let lease = Note::lease_of(&kv.key)?;
            match kind {
                EventKind::Put => Some((lease, Some(Note::of_value(&kv.value)?))),
                EventKind::Delete => Some((lease, None)),
            }
        });
        Notes(notes.collect())
    }

    /// Why a node goes that hung on this lease.
    fn cause(&self, lease: LeaseId, noting: &HashSet<LeaseId>) -> Cause {
        match self.0.get(&lease) {
            Some(Some(Note::Registered | Note::Deregistered)) => Cause::Known(KeyEvent::Delete),
            // The note goes with its lease.
            Some(Some(Note::Expired) | None) => Cause::Known(KeyEvent::Expire),
            None if lease == LeaseId::NONE || noting.contains(&lease) => Cause::Known(KeyEvent::Delete),
            None => Cause::OfLease(lease),
        }
    }
}

/// What happened in a revision, or in several: of each service each kind of event once, however many nodes it was of.
#[derive(Default)]
pub(super) struct News {
    in_order: Vec<(ServiceName, KeyEvent)>,
    known: HashSet<(ServiceName, KeyEvent)>,
}

impl News {
    fn add(&mut self, service: ServiceName, event: KeyEvent) {
        if self.known.insert((service.clone(), event)) {
            self.in_order.push((service, event));
        }
    }

    /// The events that it comes to, as of that revision, which the view shows.
    pub(super) fn told(self, revision: Revision, view: &View) -> Vec<ServiceEvent> {
        let told = self.in_order.into_iter().map(|(service, key_event)| {
            let services = view.nodes(service.as_str()).into();
            ServiceEvent { key_event, service, services, revision }
        });
        told.collect()
    }
}
