//! What a client asks for in its stream of watches.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyrax_coordination::{KeyRange, WatchError, WatchRequest};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::watch_create_request::FilterType;
use hyrax_etcd::etcdserverpb::watch_request::RequestUnion;
use hyrax_types::Revision;
use hyrax_types::limits::WATCH_PROGRESS_EVERY;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tonic::Code;

use super::super::Etcd;
use super::super::caller::Caller;
use super::super::error::Refusal;
use super::super::wire;
use super::feed::{Feed, Subject};
use super::member::Member;
use super::outbox::{NO_WATCH, Outbox};
use crate::grpc::{Connection, WatchRoom};

/// etcd's words for a number that another watch of the stream has.
const DUPLICATE: &str = "mvcc: duplicate watch ID provided on the WatchStream";

/// More than one connection may have; etcd knows no such bound.
const TOO_MANY: &str = "etcdserver: too many watches on this connection";

/// Watches that are over and not yet forgotten, before it is looked for them.
const OVER_MAX: usize = 64;

/// A client's watches in one stream.
pub(super) struct Watching {
    etcd: Arc<Etcd>,
    caller: Caller,
    connection: Arc<Connection>,
    outbox: Arc<Outbox>,
    watches: HashMap<i64, Watch>,
    /// The next number to give to a watch that brings none.
    next_id: i64,
    /// As many watches as must be there before it is looked for those that are over.
    look_at: usize,
    /// When those are told how far they have come that asked to be now and then.
    ticks: Option<Interval>,
}

/// One watch.
struct Watch {
    member: Arc<Member>,
    progress_notify: bool,
    _room: WatchRoom,
}

impl Watching {
    pub(super) fn new(
        etcd: Arc<Etcd>,
        caller: Caller,
        connection: Arc<Connection>,
    ) -> (Watching, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::default());
        let watching = Watching {
            etcd,
            caller,
            connection,
            outbox: outbox.clone(),
            watches: HashMap::new(),
            next_id: 0,
            look_at: OVER_MAX,
            ticks: None,
        };
        (watching, outbox)
    }

    /// Takes requests until the stream ends. Watches go on when there are no more.
    pub(super) async fn run(mut self, requests: impl Stream<Item = Result<pb::WatchRequest, Refusal>>) {
        let mut requests = pin!(requests);
        let closing = self.etcd.closing.clone();
        let mut asking = true;
        loop {
            tokio::select! {
                request = async {
                    // Whoever does not read is not listened to either.
                    self.outbox.room().await;
                    requests.next().await
                }, if asking => match request {
                    Some(Ok(request)) => self.take(request).await,
                    Some(Err(refusal)) => return self.outbox.end(refusal),
                    None => asking = false,
                },
                () = tick(&mut self.ticks) => self.tell_progress_to_the_quiet(),
                () = closing.cancelled() => return self.outbox.end(Refusal::STOPPED),
            }
        }
    }

    async fn take(&mut self, request: pb::WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(request)) => self.create(request).await,
            Some(RequestUnion::CancelRequest(request)) => self.cancel(request.watch_id).await,
            Some(RequestUnion::ProgressRequest(_)) => self.tell_progress_of_all(),
            None => {}
        }
    }

    async fn create(&mut self, request: pb::WatchCreateRequest) {
        if let Err(refusal) = self.etcd.check_read(&self.caller) {
            return self.refuse(&refusal.message).await;
        }
        let progress_notify = request.progress_notify;
        let asked_id = request.watch_id;
        let fragment = request.fragment;
        let request = watch_request(request);
        if request.range.is_empty() {
            return self.refuse(&WatchError::EmptyRange.to_string()).await;
        }
        let Some(id) = self.id(asked_id) else { return self.refuse(DUPLICATE).await };
        let bytes = request.range.key.len() + request.range.range_end.len();
        self.forget_the_over();
        let Some(room) = self.connection.watch_room(bytes) else { return self.refuse(TOO_MANY).await };
        let member = Member::new(id, fragment, self.outbox.clone());
        match self.stand(request, &member).await {
            Ok(()) => {
                if progress_notify {
                    self.ticks.get_or_insert_with(ticks);
                }
                self.watches.insert(id, Watch { member, progress_notify, _room: room });
            }
            Err(refusal) => self.refuse(&refusal.message).await,
        }
    }

    /// Has a watch stand, and the client told so before anything that it sees.
    async fn stand(&self, request: WatchRequest, member: &Arc<Member>) -> Result<(), Refusal> {
        let etcd = &self.etcd;
        let created = |revision| {
            self.outbox.tell(&pb::WatchResponse {
                header: Some(etcd.header(revision)),
                watch_id: member.id,
                created: true,
                ..pb::WatchResponse::default()
            });
        };
        let now = etcd.revision().await?;
        let start = request.start_revision;
        if start != Revision::ZERO && start <= now {
            created(now);
            let feed = Feed::of_one(request, member.clone(), Revision(start.0 - 1), start);
            member.is_in(&feed);
            feed.start(etcd.clone(), None);
            return Ok(());
        }
        let request = WatchRequest { start_revision: Revision::ZERO, ..request };
        // A feed that is there may have told what was written since that look at the revision.
        let from =
            |position: Revision| if start == Revision::ZERO { now.max(position).next() } else { start };
        let shared = etcd.feeds.lock().get(&Subject::of(&request)).cloned();
        if shared.is_some_and(|feed| feed.join(member, from, |position| created(now.max(position)))) {
            return Ok(());
        }
        let stream = match etcd.space().watch(request.clone()).await {
            Ok(stream) => stream,
            Err(WatchError::Unavailable(unavailable)) => return Err(unavailable.into()),
            Err(error) => return Err(Refusal::new(Code::InvalidArgument, error.to_string())),
        };
        let position = stream.created_revision();
        created(position);
        if start != Revision::ZERO && start <= position {
            // What it is to hear of was written while it was begun: only the history has it.
            let feed = Feed::of_one(request, member.clone(), Revision(start.0 - 1), start);
            member.is_in(&feed);
            feed.start(etcd.clone(), None);
            return Ok(());
        }
        let feed = Feed::of_one(request, member.clone(), position, start.max(position.next()));
        member.is_in(&feed);
        feed.share(etcd);
        feed.start(etcd.clone(), Some(stream));
        Ok(())
    }

    /// The number of a new watch: the one asked for, or the next free one. None when another watch has it.
    fn id(&mut self, asked: i64) -> Option<i64> {
        let taken = |id: i64| self.watches.get(&id).is_some_and(|watch| !watch.member.is_gone());
        if asked != 0 {
            return (!taken(asked)).then_some(asked);
        }
        while taken(self.next_id) {
            self.next_id += 1;
        }
        let id = self.next_id;
        self.next_id += 1;
        Some(id)
    }

    /// Forgets watches that the engine ended. Looked for only when as many watches have been added again as there
    /// were, so that it costs each of them nothing.
    fn forget_the_over(&mut self) {
        if self.watches.len() >= self.look_at {
            self.watches.retain(|_, watch| !watch.member.is_gone());
            self.look_at = (self.watches.len() * 2).max(OVER_MAX);
        }
    }

    /// Answers a request for a watch by one that never stood.
    async fn refuse(&self, reason: &str) {
        self.outbox.tell(&pb::WatchResponse {
            header: Some(self.header_now().await),
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..pb::WatchResponse::default()
        });
    }

    /// The header where the key space stands, or without a revision where that cannot be asked.
    async fn header_now(&self) -> pb::ResponseHeader {
        self.etcd.header(self.etcd.revision().await.unwrap_or_default())
    }

    async fn cancel(&mut self, id: i64) {
        let Some(watch) = self.watches.remove(&id) else { return };
        if watch.member.leave() {
            self.outbox.tell(&pb::WatchResponse {
                header: Some(self.header_now().await),
                watch_id: id,
                canceled: true,
                ..pb::WatchResponse::default()
            });
        }
    }

    /// Tells the stream how far all its watches have come together.
    fn tell_progress_of_all(&mut self) {
        self.watches.retain(|_, watch| !watch.member.is_gone());
        if self.outbox.gather_progress(self.watches.len(), self.etcd.header(Revision::ZERO)) {
            for watch in self.watches.values() {
                watch.member.count_progress();
            }
        }
    }

    /// Tells those how far they have come that asked for it, and were told nothing for long.
    fn tell_progress_to_the_quiet(&mut self) {
        for watch in self.watches.values().filter(|watch| watch.progress_notify) {
            if !watch.member.heard() {
                watch.member.want_progress();
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for watch in self.watches.values() {
            watch.member.leave();
        }
    }
}

/// What the engine is to watch. The bytes are copied: a watch outlives the message by far.
fn watch_request(request: pb::WatchCreateRequest) -> WatchRequest {
    // As in etcd: no key is the least one.
    let least = request.key.is_empty();
    let key = if least { Bytes::from_static(b"\0") } else { Bytes::copy_from_slice(&request.key) };
    let range = KeyRange { key, range_end: Bytes::copy_from_slice(&request.range_end) };
    WatchRequest {
        range,
        start_revision: wire::revision(request.start_revision),
        no_put: request.filters.contains(&FilterType::Noput.into()),
        no_delete: request.filters.contains(&FilterType::Nodelete.into()),
        prev_kv: request.prev_kv,
        progress_notify: false,
    }
}

/// Ticks by which progress is told; no two streams begin at the same moment, so none needs to be spread.
fn ticks() -> Interval {
    let mut ticks = interval_at(Instant::now() + WATCH_PROGRESS_EVERY, WATCH_PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => std::future::pending().await,
    }
}
