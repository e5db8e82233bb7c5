//! Following who comes and who goes.

use std::collections::{BTreeMap, VecDeque};

use hyrax_coordination::{Event, EventKind, WatchError, WatchRequest, WatchStream};
use hyrax_types::Revision;

use super::layout::{name_of, range_of};
use super::member::Standing;
use super::{Group, GroupError, GroupEvent, LeaveCause, MEMBERS, Member};
use crate::retry::{Backoff, comes_back};

/// Who is in a group, and everybody who comes and goes from there on, each once. A watch that breaks is taken up again
/// where it stopped; where the engine has forgotten what came in between, it goes on with what is different then.
pub struct MemberFeed {
    group: Group,
    /// Who is in the group as of what was yielded last, by id.
    members: BTreeMap<String, Member>,
    revision: Revision,
    watch: Option<Box<dyn WatchStream>>,
    /// What the watch yielded, not yet told.
    pending: VecDeque<Event>,
    /// The watch goes on from here if it breaks.
    reached: Revision,
}

impl MemberFeed {
    pub(super) fn new(group: Group, revision: Revision, members: Vec<Member>) -> MemberFeed {
        let members = members.into_iter().map(|member| (member.id.clone(), member)).collect();
        let (watch, pending) = (None, VecDeque::new());
        MemberFeed { group, members, revision, watch, pending, reached: revision }
    }

    /// Who is in the group as of what [`MemberFeed::next`] has told; at first, who was there when it began. By id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// One of them.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The revision up to which everything has been told.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Waits for somebody to come or go. Cancel-safe. An engine that does not answer is asked again; fails only when
    /// it is being stopped.
    pub async fn next(&mut self) -> Result<GroupEvent, GroupError> {
        let mut backoff = Backoff::new();
        loop {
            while let Some(event) = self.take_revision() {
                if !event.joined.is_empty() || !event.left.is_empty() {
                    return Ok(event);
                }
            }
            match self.read().await {
                Ok(None) => backoff = Backoff::new(),
                Ok(Some(event)) => return Ok(event),
                Err(GroupError::Unavailable(unavailable)) if comes_back(&unavailable) => {
                    self.watch = None;
                    backoff.wait().await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in what one revision did.
    fn take_revision(&mut self) -> Option<GroupEvent> {
        let revision = self.pending.front()?.kv.mod_revision;
        self.revision = revision;
        let mut told = GroupEvent { revision, ..GroupEvent::default() };
        while self.pending.front().is_some_and(|event| event.kv.mod_revision == revision) {
            let Some(event) = self.pending.pop_front() else { break };
            self.apply(&event, &mut told);
        }
        Some(told)
    }

    fn apply(&mut self, event: &Event, told: &mut GroupEvent) {
        if event.kind == EventKind::Delete {
            let gone = name_of(&event.kv.key).and_then(|id| self.members.remove(&id));
            told.left.extend(gone.map(|member| {
                let cause = member.cause_of_deletion();
                (member, cause)
            }));
            return;
        }
        match Member::standing(&event.kv) {
            None => {}
            Some(Standing::Gone(cause)) => {
                let gone = name_of(&event.kv.key).and_then(|id| self.members.remove(&id));
                told.left.extend(gone.map(|member| (member, cause)));
            }
            Some(Standing::Member(member)) => self.seat(member, told),
        }
    }

    /// Somebody sits down, in place of whoever had the id.
    fn seat(&mut self, member: Member, told: &mut GroupEvent) {
        let before = self.members.insert(member.id.clone(), member.clone());
        if let Some(before) = before
            && before.owner != member.owner
        {
            told.left.push((before, LeaveCause::Replaced));
        }
        told.joined.push(member);
    }

    /// One step; the differences, where what came in between is forgotten.
    async fn read(&mut self) -> Result<Option<GroupEvent>, GroupError> {
        if self.watch.is_none() {
            let range = range_of(&self.group.name, MEMBERS);
            match self.group.engine.watch(WatchRequest::new(range, self.reached.next())).await {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => return self.interrupted(error).await,
            }
        }
        let Some(watch) = &mut self.watch else { return Ok(None) };
        match watch.next().await {
            Ok(batch) => {
                self.reached = self.reached.max(batch.revision);
                self.pending.extend(batch.events);
                Ok(None)
            }
            Err(error) => self.interrupted(error).await,
        }
    }

    async fn interrupted(&mut self, error: WatchError) -> Result<Option<GroupEvent>, GroupError> {
        self.watch = None;
        match error {
            WatchError::Unavailable(unavailable) => Err(unavailable.into()),
            WatchError::Compacted { .. } | WatchError::EmptyRange => self.begin_anew().await,
        }
    }

    /// Goes on with who is there now.
    async fn begin_anew(&mut self) -> Result<Option<GroupEvent>, GroupError> {
        let (revision, members) = self.group.load().await?;
        (self.revision, self.reached) = (revision, revision);
        let mut told = GroupEvent { revision, ..GroupEvent::default() };
        let mut gone = std::mem::take(&mut self.members);
        for member in members {
            match gone.remove(&member.id) {
                Some(before) if before.revision == member.revision => {
                    self.members.insert(before.id.clone(), before);
                }
                before => {
                    if let Some(before) = before {
                        self.members.insert(before.id.clone(), before);
                    }
                    self.seat(member, &mut told);
                }
            }
        }
        told.left.extend(gone.into_values().map(|member| (member, LeaveCause::Unknown)));
        Ok((!told.joined.is_empty() || !told.left.is_empty()).then_some(told))
    }
}
