//! Renewals of all leases, over one stream.
//!
//! etcd answers a stream's renewals in their order. A stream that breaks is opened anew and what it did not answer is
//! asked again: renewing twice does no harm.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hyrax_coordination::{LeaseId, LeaseKeepAliveError, LeaseKeepAliveResponse, Unavailable};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::limits::{ETCD_RENEWAL_MAX, ETCD_RETRY_MIN};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::client::Grpc;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::call::{Caller, LEASE_KEEP_ALIVE};
use crate::link::{Connection, next_wait};
use crate::wire;

type Answer = Result<LeaseKeepAliveResponse, LeaseKeepAliveError>;

/// A renewal and who waits for it.
struct Renewal {
    id: LeaseId,
    /// When it was sent last.
    sent: Instant,
    answer: oneshot::Sender<Answer>,
}

/// Where renewals are asked for.
#[derive(Clone)]
pub(crate) struct KeepAlives {
    /// Who asks waits for the answer, a bounded time: the queue is as long as there are callers.
    renewals: mpsc::UnboundedSender<Renewal>,
    caller: Caller,
}

impl KeepAlives {
    /// The way to ask, and what answers as long as it runs.
    pub(crate) fn new(caller: Caller) -> (KeepAlives, impl Future<Output = ()> + use<>) {
        let (renewals, asked) = mpsc::unbounded_channel();
        let stream = KeepAliveStream { asked, unanswered: VecDeque::new(), caller: caller.clone() };
        (KeepAlives { renewals, caller }, stream.run())
    }

    /// Renews a lease.
    pub(crate) async fn renew(&self, id: LeaseId) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.renewals.send(Renewal { id, sent: Instant::now(), answer }).is_err() {
            return Err(Unavailable::Stopped.into());
        }
        match timeout(self.caller.request_max, answered).await {
            Ok(answer) => answer.unwrap_or(Err(Unavailable::Stopped.into())),
            Err(_) if self.caller.link.trouble().is_some() => Err(self.caller.unreachable().into()),
            Err(_) => Err(Unavailable::because(silence(self.caller.request_max)).into()),
        }
    }
}

fn silence(waited: Duration) -> String {
    format!("etcd did not answer a lease's renewal within {}", humantime::format_duration(waited))
}

struct KeepAliveStream {
    asked: mpsc::UnboundedReceiver<Renewal>,
    /// Sent, in order.
    unanswered: VecDeque<Renewal>,
    caller: Caller,
}

impl KeepAliveStream {
    async fn run(mut self) {
        let mut wait = ETCD_RETRY_MIN;
        // No stream before there is something to renew.
        while let Some(first) = self.next().await {
            self.unanswered.push_back(first);
            let connection = self.caller.link.connection().await;
            let Err(status) = self.stream(&connection).await else { return };
            tracing::debug!(%status, "the stream of lease renewals ended");
            sleep(wait).await;
            // A stream that answered something was a good one.
            wait = if self.unanswered.is_empty() { ETCD_RETRY_MIN } else { next_wait(wait) };
        }
    }

    /// The next renewal to be sent: one that a broken stream did not answer, if anybody still waits for it.
    async fn next(&mut self) -> Option<Renewal> {
        self.unanswered.retain(|renewal| !renewal.answer.is_closed());
        match self.unanswered.pop_front() {
            Some(renewal) => Some(renewal),
            None => self.asked.recv().await,
        }
    }

    /// One stream; ends well when nobody can ask any more.
    async fn stream(&mut self, connection: &Connection) -> Result<(), Status> {
        let (requests, mut sending) = mpsc::unbounded_channel();
        let request = |id: LeaseId| pb::LeaseKeepAliveRequest { id: id.0 };
        for renewal in &mut self.unanswered {
            renewal.sent = Instant::now();
            _ = requests.send(request(renewal.id));
        }
        let sending = stream::poll_fn(move |context| sending.poll_recv(context));
        let answers = stream::once(open(connection.clone(), connection.request(sending))).try_flatten();
        let mut answers = std::pin::pin!(answers);
        loop {
            let overdue = self.unanswered.front().map(|renewal| renewal.sent + ETCD_RENEWAL_MAX);
            tokio::select! {
                renewal = self.asked.recv() => {
                    let Some(mut renewal) = renewal else { return Ok(()) };
                    renewal.sent = Instant::now();
                    _ = requests.send(request(renewal.id));
                    self.unanswered.push_back(renewal);
                }
                answer = answers.next() => match answer {
                    Some(answer) => self.take(answer?)?,
                    None => return Err(Status::unavailable("the server ended it")),
                },
                () = sleep_until(overdue.unwrap_or_else(Instant::now)), if overdue.is_some() => {
                    self.caller.link.leave(connection, "it does not renew leases in time");
                    return Err(Status::deadline_exceeded("a renewal was not answered in time"));
                }
                () = self.caller.link.replaced(connection) => {
                    return Err(Status::unavailable("the connection was given up"));
                }
            }
        }
    }

    fn take(&mut self, answer: pb::LeaseKeepAliveResponse) -> Result<(), Status> {
        let renewal = self.unanswered.pop_front().filter(|renewal| renewal.id.0 == answer.id);
        let renewal = renewal.ok_or_else(|| Status::internal("renewals were answered out of order"))?;
        let revision = wire::header(answer.header.as_ref());
        // Whoever asked may have stopped waiting.
        _ = renewal.answer.send(match answer.ttl {
            ..=0 => Err(LeaseKeepAliveError::NotFound),
            seconds => Ok(LeaseKeepAliveResponse { revision, ttl: wire::ttl(seconds) }),
        });
        Ok(())
    }
}

type Answers = tonic::Streaming<pb::LeaseKeepAliveResponse>;

async fn open<S>(connection: Connection, request: Request<S>) -> Result<Answers, Status>
where
    S: stream::Stream<Item = pb::LeaseKeepAliveRequest> + Send + 'static,
{
    let mut grpc = Grpc::new(connection);
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let codec = ProstCodec::<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse>::default();
    Ok(grpc.streaming(request, LEASE_KEEP_ALIVE.path(), codec).await?.into_inner())
}
