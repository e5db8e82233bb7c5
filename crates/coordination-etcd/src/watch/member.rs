//! One watch as the hub knows it.

use std::sync::Arc;

use hyrax_coordination::{Event, Unavailable, WatchBatch, WatchError, WatchRequest};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::watch_create_request::FilterType;
use hyrax_types::Revision;
use hyrax_types::limits::ETCD_PROGRESS_SETTLED;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::queue::{GONE, Queue};
use crate::wire;

/// How a watch stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The server knows nothing of it.
    Absent,
    /// The server was asked to create it.
    Asked,
    /// It stands.
    Stands,
    /// It was ended, as its reader is behind; created anew when the reader has caught up.
    Behind,
}

/// A watch: what it is of, how far it is, and who reads.
pub(super) struct Member {
    request: WatchRequest,
    queue: Arc<Queue>,
    /// Told once, when it stands for the first time.
    standing: Option<oneshot::Sender<Result<Revision, WatchError>>>,
    pub(super) place: Place,
    /// What the server knows it by, where it does.
    pub(super) number: i64,
    /// The first revision not yet seen; zero, before it stands, for whatever comes next.
    next: Revision,
    /// Events whose revision may not be whole yet.
    pieces: Vec<Event>,
    progress: Progress,
}

/// Whether the reader wants to know how far the watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unwanted,
    Wanted,
    /// The server said that it is at this revision, at this moment, and no event was seen since. But events up to there
    /// may still be under way.
    Said(Revision, Instant),
}

/// What the server's answer made of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Goes,
    /// Its queue is full: the server is to end it for now.
    Behind,
}

impl Member {
    pub(super) fn new(
        request: WatchRequest,
        queue: Arc<Queue>,
        standing: oneshot::Sender<Result<Revision, WatchError>>,
    ) -> Member {
        Member {
            next: request.start_revision,
            request,
            queue,
            standing: Some(standing),
            place: Place::Absent,
            number: 0,
            pieces: Vec::new(),
            progress: Progress::Unwanted,
        }
    }

    /// What asks the server for it, from where it is.
    pub(super) fn create(&self) -> pb::WatchCreateRequest {
        let mut filters = Vec::new();
        if self.request.no_put {
            filters.push(FilterType::Noput.into());
        }
        if self.request.no_delete {
            filters.push(FilterType::Nodelete.into());
        }
        pb::WatchCreateRequest {
            key: self.request.range.key.clone(),
            range_end: self.request.range.range_end.clone(),
            start_revision: wire::number(self.next),
            // Also for readers who do not ask: what is behind a notice need not be there when the watch is resumed.
            progress_notify: true,
            filters,
            prev_kv: self.request.prev_kv,
            watch_id: self.number,
            fragment: true,
        }
    }

    /// The server has created it.
    pub(super) fn stands(&mut self, revision: Revision) {
        self.place = Place::Stands;
        if self.next == Revision::ZERO {
            self.next = revision.next();
        }
        if let Some(standing) = self.standing.take() {
            // Who asked may have given up; the removal is on its way.
            _ = standing.send(Ok(revision));
        }
    }

    /// Its reader has read all that was queued, so that it may be created anew.
    pub(super) fn catches_up(&mut self) {
        if self.place == Place::Behind {
            self.place = Place::Absent;
        }
    }

    /// The server forgets it, or is another one.
    pub(super) fn leaves_stream(&mut self) {
        if matches!(self.place, Place::Asked | Place::Stands) {
            self.place = Place::Absent;
        }
        self.pieces.clear();
        if let Progress::Said(..) = self.progress {
            self.progress = Progress::Wanted;
        }
    }

    /// Takes events; the last revision's stay until the rest of them is there.
    pub(super) fn take(&mut self, response: pb::WatchResponse) -> Fate {
        if response.events.is_empty() && !response.fragment && self.pieces.is_empty() {
            return self.take_notice(wire::header(response.header.as_ref()));
        }
        self.pieces.extend(response.events.into_iter().map(wire::event));
        let whole = if response.fragment { self.whole() } else { self.pieces.len() };
        let Some(last) = whole.checked_sub(1).map(|last| self.pieces[last].kv.mod_revision) else {
            return Fate::Goes;
        };
        let rest = self.pieces.split_off(whole);
        let events = std::mem::replace(&mut self.pieces, rest);
        if let Progress::Said(..) = self.progress {
            self.progress = Progress::Wanted;
        }
        self.offer(WatchBatch { revision: last, events }, last)
    }

    /// How many of the events belong to revisions that are whole: all but the last one.
    fn whole(&self) -> usize {
        let Some(last) = self.pieces.last().map(|event| event.kv.mod_revision) else { return 0 };
        self.pieces.iter().rposition(|event| event.kv.mod_revision != last).map_or(0, |at| at + 1)
    }

    /// A notice of this watch alone, which comes in order with its events.
    fn take_notice(&mut self, revision: Revision) -> Fate {
        if revision < self.next {
            return Fate::Goes;
        }
        if self.request.progress_notify || self.progress != Progress::Unwanted {
            self.progress = Progress::Unwanted;
            return self.offer(WatchBatch { revision, events: Vec::new() }, revision);
        }
        self.next = revision.next();
        Fate::Goes
    }

    /// Hands a batch to the reader, after which the watch goes on from the revision after `seen`.
    fn offer(&mut self, batch: WatchBatch, seen: Revision) -> Fate {
        if !self.queue.offer(batch) {
            self.place = Place::Behind;
            self.pieces.clear();
            return Fate::Behind;
        }
        self.next = self.next.max(seen.next());
        Fate::Goes
    }

    pub(super) fn want_progress(&mut self) {
        if self.progress == Progress::Unwanted {
            self.progress = Progress::Wanted;
        }
    }

    pub(super) fn wants_progress(&self) -> bool {
        self.progress != Progress::Unwanted
    }

    /// The server says that the whole stream is at `revision`. Where that may overtake events, it is believed when it
    /// was said before, and no event has been seen for longer than events can be under way; and then it is no ground to
    /// resume from.
    pub(super) fn take_progress(&mut self, revision: Revision, ordered: bool, now: Instant) -> Fate {
        if self.place != Place::Stands || !self.pieces.is_empty() {
            return Fate::Goes;
        }
        let seen = Revision(self.next.0.saturating_sub(1));
        match self.progress {
            Progress::Unwanted => Fate::Goes,
            _ if ordered => {
                self.progress = Progress::Unwanted;
                let revision = revision.max(seen);
                self.offer(WatchBatch { revision, events: Vec::new() }, revision)
            }
            Progress::Wanted => {
                self.progress = Progress::Said(revision, now);
                Fate::Goes
            }
            Progress::Said(said, at) if now.duration_since(at) >= ETCD_PROGRESS_SETTLED => {
                self.progress = Progress::Unwanted;
                self.offer(WatchBatch { revision: said.max(seen), events: Vec::new() }, seen)
            }
            Progress::Said(..) => Fate::Goes,
        }
    }

    /// The server has ended it, or refuses to create it.
    pub(super) fn over(&mut self, response: &pb::WatchResponse) {
        let error = if response.compact_revision > 0 {
            WatchError::Compacted { compacted: wire::revision(response.compact_revision) }
        } else {
            let reason = response.cancel_reason.as_str();
            let reason = if reason.is_empty() { "it gave no reason" } else { reason };
            Unavailable::because(format!("etcd ended a watch: {reason}")).into()
        };
        self.end(error);
    }

    fn end(&mut self, error: WatchError) {
        if let Some(standing) = self.standing.take() {
            _ = standing.send(Err(error.clone()));
        }
        self.queue.end(error);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Only the first end is told: this one where the engine is dropped before its watches.
        self.end(GONE);
    }
}
