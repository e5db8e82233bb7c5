//! One of the two servers: plays calls on it, and keeps what its watches saw.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hyrax_etcd::etcdserverpb::watch_create_request::FilterType;
use hyrax_etcd::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
    PutRequest, WatchCreateRequest, WatchResponse,
};
use hyrax_etcd::mvccpb::Event;
use hyrax_etcd::mvccpb::event::EventType;
use tokio::time::{Instant, timeout};

use super::answer::{Answer, Refusal, clean_event, clean_watch};
use super::call::Call;
use crate::etcd::{EtcdClient, Watching};

/// How long an answer, or the next event of a watch, may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// What is written to end an episode: as far ahead as a watch may begin, and more.
const LAST_WRITES: usize = 4;
/// Where they go.
const LAST_KEY: &[u8] = b"last";
/// Every key.
const ALL: &[u8] = b"\0";

/// A server, and the episode that is played on it.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    client: EtcdClient,
    /// The revision with which the episode began.
    base: i64,
    watches: Vec<Watch>,
}

/// A watch that stands.
#[derive(Debug)]
struct Watch {
    create: WatchCreateRequest,
    watching: Watching,
}

/// What a watch saw in the whole episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Its events, however they were put together in responses.
    pub events: Vec<Event>,
    /// The response with which the server ended it.
    pub end: Option<WatchResponse>,
}

impl Server {
    /// The server at `address`, told of as `name`.
    pub async fn connect(name: &'static str, address: SocketAddr) -> Server {
        Server { name, client: EtcdClient::connect(address).await, base: 1, watches: Vec::new() }
    }

    /// Who it is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Begins an episode: no keys, no leases, no watches, nothing known of the past.
    pub async fn reset(&mut self) {
        self.watches.clear();
        let reset = self.try_reset().await;
        reset.unwrap_or_else(|status| panic!("{} cannot be emptied: {status}", self.name));
    }

    async fn try_reset(&mut self) -> Result<(), tonic::Status> {
        let leases = self.client.lease.lease_leases(LeaseLeasesRequest {}).await?.into_inner().leases;
        for lease in leases {
            self.client.lease.lease_revoke(LeaseRevokeRequest { id: lease.id }).await?;
        }
        // Something is there to be deleted, so that this is a revision which was not compacted before.
        self.client.kv.put(PutRequest { key: LAST_KEY.into(), ..PutRequest::default() }).await?;
        let everything =
            DeleteRangeRequest { key: ALL.into(), range_end: ALL.into(), ..DeleteRangeRequest::default() };
        let deleted = self.client.kv.delete_range(everything).await?.into_inner();
        self.base = deleted.header.unwrap_or_default().revision;
        self.client.kv.compact(CompactionRequest { revision: self.base, physical: false }).await?;
        Ok(())
    }

    /// Does what `call` says, as this episode numbers revisions.
    pub async fn play(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let answer = timeout(ANSWER_WITHIN, self.ask(call.on(self.base))).await;
        let answer = answer.unwrap_or_else(|_| panic!("{} does not answer {call:?}", self.name));
        answer.map(|answer| answer.since(self.base)).map_err(Refusal::from)
    }

    async fn ask(&mut self, call: Call) -> Result<Answer, tonic::Status> {
        let EtcdClient { kv, lease, .. } = &mut self.client;
        Ok(match call {
            Call::Range(request) => Answer::Range(kv.range(request).await?.into_inner()),
            Call::Put(request) => Answer::Put(kv.put(request).await?.into_inner()),
            Call::DeleteRange(request) => Answer::DeleteRange(kv.delete_range(request).await?.into_inner()),
            Call::Txn(request) => Answer::Txn(kv.txn(request).await?.into_inner()),
            Call::Compact(request) => Answer::Compact(kv.compact(request).await?.into_inner()),
            Call::LeaseGrant(request) => Answer::LeaseGrant(lease.lease_grant(request).await?.into_inner()),
            Call::LeaseRevoke(id) => {
                Answer::LeaseRevoke(lease.lease_revoke(LeaseRevokeRequest { id }).await?.into_inner())
            }
            Call::LeaseTimeToLive { id, keys } => {
                let request = LeaseTimeToLiveRequest { id, keys };
                Answer::LeaseTimeToLive(lease.lease_time_to_live(request).await?.into_inner())
            }
            Call::Leases => Answer::Leases(lease.lease_leases(LeaseLeasesRequest {}).await?.into_inner()),
            Call::LeaseKeepAlive(id) => Answer::LeaseKeepAlive(self.client.keep_alive_once(id).await?),
            Call::Watch(create) => {
                let mut watching = self.client.watch(create.clone()).await?;
                let first = watching.next().await?;
                let first =
                    first.ok_or_else(|| tonic::Status::unavailable("the stream of a watch ended at once"))?;
                if !first.canceled {
                    self.watches.push(Watch { create, watching });
                }
                Answer::Watch(first)
            }
        })
    }

    /// Ends the episode, and tells what each watch saw up to here.
    pub async fn finish(&mut self) -> Vec<Watched> {
        let put = |key: &Bytes| PutRequest { key: key.clone(), ..PutRequest::default() };
        let delete = |key: &Bytes| DeleteRangeRequest { key: key.clone(), ..DeleteRangeRequest::default() };
        for _ in 0..LAST_WRITES {
            self.must(Call::Put(put(&Bytes::from_static(LAST_KEY)))).await;
        }
        let mut watches = std::mem::take(&mut self.watches);
        // Each watch sees one of these two as its last, whatever it leaves out.
        let mut last = Vec::new();
        for watch in &watches {
            let key = watched_key(&watch.create);
            self.must(Call::Put(put(&key))).await;
            last.push(self.must(Call::DeleteRange(delete(&key))).await);
        }
        let mut all = Vec::new();
        for (watch, last) in watches.iter_mut().zip(last) {
            all.push(self.drain(watch, last).await);
        }
        all
    }

    /// A request that cannot be refused; answers its revision.
    async fn must(&mut self, call: Call) -> i64 {
        let answer = timeout(ANSWER_WITHIN, self.ask(call.clone())).await;
        match answer {
            Ok(Ok(answer)) => answer.revision().unwrap_or_default(),
            other => panic!("{} fails at {call:?}: {other:?}", self.name),
        }
    }

    /// What a watch saw, up to the deletion of its key in revision `last`.
    async fn drain(&self, watch: &mut Watch, last: i64) -> Watched {
        let without_deletes = watch.create.filters.contains(&(FilterType::Nodelete as i32));
        let (last, kind) = match without_deletes {
            true => (last - 1, EventType::Put),
            false => (last, EventType::Delete),
        };
        if watch.create.start_revision > last {
            // It was to begin later: so it is where fewer requests are played than it was made for.
            return Watched { events: Vec::new(), end: None };
        }
        let is_last = |event: &Event| {
            event.r#type() == kind && event.kv.as_ref().is_some_and(|kv| kv.mod_revision == last)
        };
        let mut events = Vec::new();
        let began = Instant::now();
        loop {
            let next = timeout(ANSWER_WITHIN, watch.watching.next()).await;
            let mut response = match next {
                Ok(Ok(Some(response))) => response,
                other => panic!(
                    "{}: a watch did not see revision {last}, in {:?} ({} events): {other:?}\n{:?}",
                    self.name,
                    began.elapsed(),
                    events.len(),
                    watch.create
                ),
            };
            for mut event in std::mem::take(&mut response.events) {
                let ends = is_last(&event);
                if !ends && is_deletion_in(&event, watch.create.start_revision) {
                    continue;
                }
                clean_event(&mut event, self.base);
                if events.iter().any(|earlier: &Event| is_of_one_change(earlier, &event)) {
                    // What was before the second change of a revision, etcd tells as of before the first.
                    event.prev_kv = None;
                }
                events.push(event);
                if ends {
                    return Watched { events, end: None };
                }
            }
            if response.canceled {
                clean_watch(&mut response, self.base);
                // As far as the server happened to be when it noticed.
                response.header = None;
                return Watched { events, end: Some(response) };
            }
        }
    }
}

fn is_of_one_change(one: &Event, other: &Event) -> bool {
    let what = |event: &Event| event.kv.as_ref().map(|kv| (kv.key.clone(), kv.mod_revision));
    what(one) == what(other)
}

/// Whether a watch that begins with `revision` need not see the event: where that revision is the first that was not
/// compacted, etcd forgets what was deleted in it, some time later.
fn is_deletion_in(event: &Event, revision: i64) -> bool {
    event.r#type() == EventType::Delete && event.kv.as_ref().is_some_and(|kv| kv.mod_revision == revision)
}

/// A key that a watch of these sees: its first.
fn watched_key(create: &WatchCreateRequest) -> Bytes {
    if create.key.is_empty() { Bytes::from_static(b"\0") } else { create.key.clone() }
}
