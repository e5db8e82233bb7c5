//! Calls that have one answer: asked with a deadline, and asked again where that can not be seen.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::Unavailable;
use hyrax_types::limits::{ETCD_RESPONSE_BYTES_MAX, ETCD_RETRY_MIN};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use crate::failure::Failure;
use crate::link::{Connection, ConnectionError, Link, next_wait};

/// One of etcd's methods.
#[derive(Clone, Copy)]
pub(crate) struct Method(&'static str);

pub(crate) const RANGE: Method = Method("/etcdserverpb.KV/Range");
pub(crate) const PUT: Method = Method("/etcdserverpb.KV/Put");
pub(crate) const DELETE_RANGE: Method = Method("/etcdserverpb.KV/DeleteRange");
pub(crate) const TXN: Method = Method("/etcdserverpb.KV/Txn");
pub(crate) const COMPACT: Method = Method("/etcdserverpb.KV/Compact");
pub(crate) const WATCH: Method = Method("/etcdserverpb.Watch/Watch");
pub(crate) const LEASE_GRANT: Method = Method("/etcdserverpb.Lease/LeaseGrant");
pub(crate) const LEASE_REVOKE: Method = Method("/etcdserverpb.Lease/LeaseRevoke");
pub(crate) const LEASE_KEEP_ALIVE: Method = Method("/etcdserverpb.Lease/LeaseKeepAlive");
pub(crate) const LEASE_TIME_TO_LIVE: Method = Method("/etcdserverpb.Lease/LeaseTimeToLive");
pub(crate) const LEASE_LEASES: Method = Method("/etcdserverpb.Lease/LeaseLeases");
pub(crate) const STATUS: Method = Method("/etcdserverpb.Maintenance/Status");
pub(crate) const AUTHENTICATE: Method = Method("/etcdserverpb.Auth/Authenticate");

impl Method {
    pub(crate) fn path(self) -> PathAndQuery {
        PathAndQuery::from_static(self.0)
    }
}

/// What may be done with a call that has no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// None: it is asked again.
    Reads,
    /// One: it is asked again only when it surely did nothing.
    Writes,
}

/// Calls over the link.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) link: Arc<Link>,
    /// How long a request may take, with all its attempts.
    pub(crate) request_max: Duration,
}

impl Caller {
    /// Asks, until there is an answer or the time is over.
    pub(crate) async fn call<Q, S>(&self, method: Method, effect: Effect, message: Q) -> Result<S, Failure>
    where
        Q: prost::Message + Clone + 'static,
        S: prost::Message + Default + 'static,
    {
        let began = Instant::now();
        let deadline = began + self.request_max;
        let mut wait = ETCD_RETRY_MIN;
        loop {
            let Ok(mut connection) = timeout_at(deadline, self.link.connection()).await else {
                return Err(Failure::Unavailable(self.unreachable()));
            };
            // A member that is silent is not waited for by reads while another may answer.
            let patience = match effect {
                Effect::Reads => deadline.min(Instant::now() + self.request_max / 2),
                Effect::Writes => deadline,
            };
            let asked = timeout_at(patience, unary(&mut connection, method, message.clone())).await;
            let Ok(answered) = asked else {
                self.link.leave(&connection, "it does not answer");
                if effect == Effect::Writes || Instant::now() >= deadline {
                    return Err(Failure::Unavailable(silent(&connection, began.elapsed())));
                }
                continue;
            };
            let status = match answered {
                Ok(response) => return Ok(response),
                Err(status) => status,
            };
            let next = Next::after(&status);
            if next == Next::ElsewhereIfReading || next == Next::Elsewhere {
                self.link.leave(&connection, status.message());
            }
            let again = match next {
                Next::Answer => false,
                Next::Again | Next::Elsewhere => true,
                Next::ElsewhereIfReading | Next::AgainIfReading => effect == Effect::Reads,
            };
            if !again || Instant::now() + wait >= deadline {
                return Err(Failure::of(status, &connection.peer));
            }
            sleep(wait).await;
            wait = next_wait(wait);
        }
    }

    /// There was no connection for as long as a request may take: it was not sent.
    pub(crate) fn unreachable(&self) -> Unavailable {
        let trouble = self.link.trouble();
        let trouble = trouble.as_deref().unwrap_or("connections are lost as soon as they are there");
        Unavailable::because(format!("no member of etcd can be reached; {trouble}"))
    }
}

/// A member did not answer in time.
fn silent(connection: &Connection, waited: Duration) -> Unavailable {
    let waited = humantime::format_duration(Duration::from_millis(waited.as_millis() as u64));
    Unavailable::because(format!("etcd at {} did not answer within {waited}", connection.peer))
}

/// Asks once.
pub(crate) async fn unary<Q, S>(connection: &mut Connection, method: Method, message: Q) -> Result<S, Status>
where
    Q: prost::Message + 'static,
    S: prost::Message + Default + 'static,
{
    let request = connection.request(message);
    let mut grpc = Grpc::new(connection).max_decoding_message_size(ETCD_RESPONSE_BYTES_MAX);
    ready(&mut grpc).await?;
    let answer = grpc.unary(request, method.path(), ProstCodec::<Q, S>::default()).await?;
    Ok(answer.into_inner())
}

async fn ready(grpc: &mut Grpc<&mut Connection>) -> Result<(), Status> {
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))
}

/// What to do after a refusal or an accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// It is the answer.
    Answer,
    /// Nothing was done; another connection may do it.
    Again,
    /// Nothing was done, and this member will not do it.
    Elsewhere,
    /// It may have been done.
    AgainIfReading,
    /// It may have been done, and this member is of no use at the moment.
    ElsewhereIfReading,
}

impl Next {
    fn after(status: &Status) -> Next {
        if let Some(error) = status.source().and_then(|source| source.downcast_ref::<ConnectionError>()) {
            return if error.sent { Next::AgainIfReading } else { Next::Again };
        }
        match status.message() {
            // Refused before anything else was looked at. A new connection has a new token.
            "etcdserver: no leader"
            | "etcdserver: invalid auth token"
            | "etcdserver: revision of auth store is old"
            | "etcdserver: user name is empty" => Next::Elsewhere,
            "etcdserver: server stopped"
            | "etcdserver: request timed out"
            | "etcdserver: request timed out, possibly due to previous leader failure"
            | "etcdserver: request timed out, possibly due to connection lost"
            | "etcdserver: request timed out, waiting for the applied index took too long" => {
                Next::ElsewhereIfReading
            }
            "etcdserver: leader changed" => Next::AgainIfReading,
            message if is_etcds(message) => Next::Answer,
            // The connection broke, or something in between speaks.
            _ => Next::AgainIfReading,
        }
    }
}

/// Whether these are words of etcd's own.
fn is_etcds(message: &str) -> bool {
    ["etcdserver: ", "mvcc: ", "auth: ", "lease: "].iter().any(|begin| message.starts_with(begin))
}
