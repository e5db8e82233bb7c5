//! The task that keeps the stream of all watches.

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::{StreamExt, TryStreamExt, stream};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::watch_request::RequestUnion;
use hyrax_types::limits::{ETCD_PROGRESS_ASK_EVERY, ETCD_RESPONSE_BYTES_MAX, ETCD_RETRY_MAX, ETCD_RETRY_MIN};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::client::Grpc;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::member::{Fate, Member, Place};
use crate::call::{Caller, WATCH};
use crate::link::{Connection, next_wait};
use crate::wire;

/// The number under which the server answers what is about no watch, or about all.
const NO_WATCH: i64 = -1;

/// Names a watch for as long as it is read; the server knows it by another number each time it is created.
pub(super) type Key = u64;

/// What a watch's owner asks for.
pub(super) enum Command {
    /// A new watch.
    Add(Key, Box<Member>),
    /// Its reader is gone.
    Remove(Key),
    /// Its reader has read all that was queued.
    CaughtUp(Key),
    /// Its reader wants to know how far it is.
    Progress(Key),
}

/// All watches.
pub(super) struct Hub {
    commands: mpsc::UnboundedReceiver<Command>,
    caller: Caller,
    members: HashMap<Key, Box<Member>>,
    /// Those whose readers want to know how far they are.
    wanting: HashSet<Key>,
    /// Who has which of the server's numbers, on the stream that there is.
    keys: HashMap<i64, Key>,
    /// The numbers of watches that were asked for, in order, as the server answers them.
    asked: VecDeque<i64>,
    next_number: i64,
}

/// What leaves on a stream. Each watch has few requests under way, so it is as long as there are watches.
type Requests = mpsc::UnboundedSender<pb::WatchRequest>;

/// The stream that there is.
struct Opened {
    connection: Connection,
    requests: Requests,
    since: Instant,
}

impl Opened {
    fn send(&self, request: RequestUnion) {
        // A stream that takes no more is about to end, and all is asked anew on the next.
        _ = self.requests.send(pb::WatchRequest { request_union: Some(request) });
    }

    fn ask_progress(&self) {
        self.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
    }

    fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id }));
    }
}

impl Hub {
    pub(super) fn new(commands: mpsc::UnboundedReceiver<Command>, caller: Caller) -> Hub {
        Hub {
            commands,
            caller,
            members: HashMap::new(),
            wanting: HashSet::new(),
            keys: HashMap::new(),
            asked: VecDeque::new(),
            // Zero would have the server choose.
            next_number: 1,
        }
    }

    /// Keeps a stream as long as there is somebody who could ask.
    pub(super) async fn run(mut self) {
        let mut wait = ETCD_RETRY_MIN;
        while let Some(connection) = self.connection().await {
            let since = Instant::now();
            let Err(status) = self.stream(connection.clone()).await else { return };
            tracing::debug!(%status, "the stream of watches ended");
            if status.message() == "etcdserver: no leader" {
                self.caller.link.leave(&connection, status.message());
            }
            self.keys.clear();
            self.asked.clear();
            self.members.values_mut().for_each(|member| member.leaves_stream());
            wait = if since.elapsed() > ETCD_RETRY_MAX { ETCD_RETRY_MIN } else { next_wait(wait) };
            sleep(wait).await;
        }
    }

    /// A connection, once there is a watch.
    async fn connection(&mut self) -> Option<Connection> {
        loop {
            let link = self.caller.link.clone();
            tokio::select! {
                command = self.commands.recv() => self.obey(command?, None),
                connection = link.connection(), if !self.members.is_empty() => return Some(connection),
            }
        }
    }

    /// One stream; ends well when nobody can ask any more.
    async fn stream(&mut self, connection: Connection) -> Result<(), Status> {
        let (requests, mut sending) = mpsc::unbounded_channel();
        let opened = Opened { connection, requests, since: Instant::now() };
        let sending = stream::poll_fn(move |context| sending.poll_recv(context));
        // The server says nothing before it was asked something.
        for key in self.members.keys().copied().collect::<Vec<_>>() {
            self.create(key, &opened);
        }
        let opening = open(opened.connection.clone(), opened.connection.request(sending));
        let mut responses = std::pin::pin!(stream::once(opening).try_flatten());
        let link = self.caller.link.clone();
        let mut replaced = std::pin::pin!(link.replaced(&opened.connection));
        let mut ask_at = Instant::now();
        loop {
            tokio::select! {
                response = responses.next() => match response {
                    Some(response) => self.take(response?, &opened),
                    None => return Err(Status::unavailable("the server ended it")),
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, Some(&opened)),
                    None => return Ok(()),
                },
                () = sleep_until(ask_at), if !self.wanting.is_empty() => {
                    opened.ask_progress();
                    ask_at = Instant::now() + ETCD_PROGRESS_ASK_EVERY;
                }
                () = &mut replaced => return Err(Status::unavailable("the connection was given up")),
            }
        }
    }

    fn obey(&mut self, command: Command, opened: Option<&Opened>) {
        match command {
            Command::Add(key, member) => {
                self.members.insert(key, member);
                if let Some(opened) = opened {
                    self.create(key, opened);
                }
            }
            Command::Remove(key) => {
                self.wanting.remove(&key);
                let Some(member) = self.members.remove(&key) else { return };
                if let Some(opened) = opened
                    && self.keys.remove(&member.number).is_some()
                {
                    opened.cancel(member.number);
                }
            }
            Command::CaughtUp(key) => {
                let Some(member) = self.members.get_mut(&key) else { return };
                member.catches_up();
                if let Some(opened) = opened {
                    self.create(key, opened);
                }
            }
            Command::Progress(key) => {
                let Some(member) = self.members.get_mut(&key) else { return };
                member.want_progress();
                self.wanting.insert(key);
                if let Some(opened) = opened {
                    opened.ask_progress();
                }
            }
        }
    }

    /// Asks the server for a watch that it does not have.
    fn create(&mut self, key: Key, opened: &Opened) {
        let number = self.next_number;
        let Some(member) = self.members.get_mut(&key).filter(|member| member.place == Place::Absent) else {
            return;
        };
        self.next_number += 1;
        member.number = number;
        member.place = Place::Asked;
        self.keys.insert(number, key);
        self.asked.push_back(number);
        opened.send(RequestUnion::CreateRequest(member.create()));
    }

    fn take(&mut self, response: pb::WatchResponse, opened: &Opened) {
        if response.watch_id == NO_WATCH && !response.created {
            return self.take_progress(wire::header(response.header.as_ref()), opened);
        }
        let mut number = response.watch_id;
        if response.created
            && let Some(asked) = self.asked.pop_front()
        {
            // One that was refused is not always told by its number.
            number = asked;
        }
        // What is not known any more was ended from here.
        let Some(&key) = self.keys.get(&number) else { return };
        let Some(member) = self.members.get_mut(&key) else { return };
        if response.canceled {
            if is_stale_token(&response, opened) {
                return self.caller.link.leave(&opened.connection, &response.cancel_reason);
            }
            member.over(&response);
            self.members.remove(&key);
            self.wanting.remove(&key);
            self.keys.remove(&number);
            return;
        }
        if response.created {
            return member.stands(wire::header(response.header.as_ref()));
        }
        if member.take(response) == Fate::Behind {
            self.keys.remove(&number);
            opened.cancel(number);
        }
        self.settle(key);
    }

    /// The server says how far the whole stream is.
    fn take_progress(&mut self, revision: hyrax_types::Revision, opened: &Opened) {
        let now = Instant::now();
        for key in self.wanting.iter().copied().collect::<Vec<_>>() {
            let Some(member) = self.members.get_mut(&key) else { continue };
            if member.take_progress(revision, opened.connection.orders_progress, now) == Fate::Behind {
                self.keys.remove(&member.number);
                opened.cancel(member.number);
            }
            self.settle(key);
        }
    }

    /// Forgets that a reader wanted to know what it knows now.
    fn settle(&mut self, key: Key) {
        if !self.members.get(&key).is_some_and(|member| member.wants_progress()) {
            self.wanting.remove(&key);
        }
    }
}

/// Whether a refusal may be due to a token that has run out: a new stream, with a new one, will tell.
fn is_stale_token(response: &pb::WatchResponse, opened: &Opened) -> bool {
    opened.connection.has_token()
        && opened.since.elapsed() > ETCD_RETRY_MAX
        && ["permission denied", "invalid auth token"]
            .iter()
            .any(|words| response.cancel_reason.contains(words))
}

type Responses = tonic::Streaming<pb::WatchResponse>;

async fn open<S>(connection: Connection, request: Request<S>) -> Result<Responses, Status>
where
    S: stream::Stream<Item = pb::WatchRequest> + Send + 'static,
{
    let mut grpc = Grpc::new(connection).max_decoding_message_size(ETCD_RESPONSE_BYTES_MAX);
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let codec = ProstCodec::<pb::WatchRequest, pb::WatchResponse>::default();
    Ok(grpc.streaming(request, WATCH.path(), codec).await?.into_inner())
}
