//! [`Coordination`] by calls to etcd.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyrax_coordination::{
    CompactError, CompactRequest, CompactResponse, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError,
    LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, PutError, PutRequest, PutResponse,
    RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError, TxnRequest, TxnResponse,
    Unavailable, WatchError, WatchRequest, WatchStream,
};
use hyrax_etcd::etcdserverpb as pb;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::call::{
    COMPACT, Caller, DELETE_RANGE, Effect, LEASE_GRANT, LEASE_LEASES, LEASE_REVOKE, LEASE_TIME_TO_LIVE,
    Method, PUT, RANGE, TXN,
};
use crate::failure::Failure;
use crate::keep_alive::KeepAlives;
use crate::link::Link;
use crate::settings::EtcdSettings;
use crate::standing::Standing;
use crate::tls::{Tls, TlsError};
use crate::watch::Watches;
use crate::wire;

/// Coordination over an etcd, until it is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use hyrax_coordination::{Coordination, PutRequest};
/// use hyrax_coordination_etcd::EtcdCoordination;
///
/// let engine = EtcdCoordination::connect("etcd://10.0.0.1,10.0.0.2,10.0.0.3".parse()?).await?;
/// engine.put(PutRequest::new("greeting", "hello")).await?;
/// # Ok(())
/// # }
/// ```
pub struct EtcdCoordination {
    caller: Caller,
    keep_alives: KeepAlives,
    watches: Watches,
    standing: Standing,
    cluster_id: u64,
    /// They keep the connection and the streams.
    _tasks: JoinSet<()>,
}

/// Why there is no connection to etcd.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody to connect to.
    #[error("no etcd is named to connect to")]
    NoEndpoint,
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A member answered, and will not let us in.
    #[error("etcd refuses: {0}")]
    Refused(String),
    /// None of the members answers, or none has a leader. It may be different later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl EtcdCoordination {
    /// Connects to one of the members that has a leader, within the time that a request may take. From then on lost connections are opened anew as long as the engine lives.
    pub async fn connect(settings: EtcdSettings) -> Result<EtcdCoordination, ConnectError> {
        if settings.endpoints.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let tls = settings.tls.as_ref().map(Tls::load).transpose()?;
        let caller = Caller { link: Link::new(), request_max: settings.timeouts.request };
        let (keep_alives, renewing) = KeepAlives::new(caller.clone());
        let (watches, watching) = Watches::new(caller.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(caller.link.clone().keep(settings, tls));
        tasks.spawn(renewing);
        tasks.spawn(watching);
        let cluster_id = match timeout(caller.request_max, caller.link.decided()).await {
            Ok(Ok(connection)) => connection.cluster,
            Ok(Err(reason)) => return Err(ConnectError::Refused(reason.to_string())),
            Err(_) => return Err(caller.unreachable().into()),
        };
        let standing = Standing::default();
        Ok(EtcdCoordination { caller, keep_alives, watches, standing, cluster_id, _tasks: tasks })
    }

    /// The number that the cluster had when it was connected to, by which all its clients know it.
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// Asks something that changes nothing.
    fn read<Q, S>(
        &self,
        method: Method,
        message: Q,
    ) -> impl Future<Output = Result<S, Failure>> + use<'_, Q, S>
    where
        Q: prost::Message + Clone + 'static,
        S: prost::Message + Default + 'static,
    {
        self.caller.call(method, Effect::Reads, message)
    }

    /// Asks for a change. It is on its way when this returns, whether anybody waits for the answer or not.
    fn write<Q, S>(&self, method: Method, message: Q) -> impl Future<Output = Result<S, Failure>> + use<Q, S>
    where
        Q: prost::Message + Clone + 'static,
        S: prost::Message + Default + 'static,
    {
        let caller = self.caller.clone();
        let asking = tokio::spawn(async move { caller.call(method, Effect::Writes, message).await });
        // Only a runtime that ends ends it early.
        asking.map(|answer| answer.unwrap_or(Err(Failure::Unavailable(Unavailable::Stopped))))
    }
}

impl Coordination for EtcdCoordination {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        Box::pin(async move {
            let known = [RangeError::EmptyKey, RangeError::Compacted, RangeError::FutureRevision];
            let answer = self.read(RANGE, wire::range_request(request)).await;
            answer.map(wire::range_response).map_err(|failure| failure.known(known))
        })
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        let known = [
            PutError::EmptyKey,
            PutError::ValueProvided,
            PutError::LeaseProvided,
            PutError::LeaseNotFound,
            PutError::KeyNotFound,
            PutError::Reserved,
        ];
        let answer = self.write(PUT, wire::put_request(request));
        Box::pin(answer.map(|answer| answer.map(wire::put_response).map_err(|failure| failure.known(known))))
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        let known = [DeleteRangeError::EmptyKey, DeleteRangeError::Reserved];
        let answer = self.write(DELETE_RANGE, wire::delete_range_request(request));
        Box::pin(
            answer.map(|answer| {
                answer.map(wire::delete_range_response).map_err(|failure| failure.known(known))
            }),
        )
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        let answered = |answer: Result<pb::TxnResponse, Failure>| {
            let known = [
                TxnError::EmptyKey,
                TxnError::ValueProvided,
                TxnError::LeaseProvided,
                TxnError::DuplicateKey,
                TxnError::TooManyOps,
                TxnError::LeaseNotFound,
                TxnError::KeyNotFound,
                TxnError::Reserved,
                TxnError::Compacted,
                TxnError::FutureRevision,
            ];
            let response = answer.map_err(|failure| failure.known(known))?;
            Ok(wire::txn_response(response)?)
        };
        if wire::only_reads(&request) {
            return Box::pin(self.read(TXN, wire::txn_request(request)).map(answered));
        }
        Box::pin(self.write(TXN, wire::txn_request(request)).map(answered))
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        let CompactRequest { revision, physical } = request;
        let message = pb::CompactionRequest { revision: wire::number(revision), physical };
        let answer = self.write(COMPACT, message);
        Box::pin(answer.map(|answer| {
            let known = [CompactError::Compacted, CompactError::FutureRevision];
            let response: pb::CompactionResponse = answer.map_err(|failure| failure.known(known))?;
            Ok(CompactResponse { revision: wire::header(response.header.as_ref()) })
        }))
    }

    fn watch(&self, request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        Box::pin(async move {
            let watch = self.watches.watch(request).await?;
            Ok(Box::new(watch) as Box<dyn WatchStream>)
        })
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        let message = pb::LeaseGrantRequest { ttl: wire::ttl_seconds(request.ttl), id: request.id.0 };
        let answer = self.write(LEASE_GRANT, message);
        Box::pin(answer.map(|answer| {
            let known = [LeaseGrantError::AlreadyExists, LeaseGrantError::TtlTooLarge];
            let response: pb::LeaseGrantResponse = answer.map_err(|failure| failure.known(known))?;
            Ok(LeaseGrantResponse {
                revision: wire::header(response.header.as_ref()),
                id: LeaseId(response.id),
                ttl: wire::ttl(response.ttl),
            })
        }))
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        let answer = self.write(LEASE_REVOKE, pb::LeaseRevokeRequest { id: id.0 });
        Box::pin(answer.map(|answer| {
            let response: pb::LeaseRevokeResponse =
                answer.map_err(|failure| failure.known([LeaseRevokeError::NotFound]))?;
            Ok(LeaseRevokeResponse { revision: wire::header(response.header.as_ref()) })
        }))
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        Box::pin(self.keep_alives.renew(id))
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        Box::pin(async move {
            let message = pb::LeaseTimeToLiveRequest { id: id.0, keys };
            let answer = self.read(LEASE_TIME_TO_LIVE, message).await;
            let response: pb::LeaseTimeToLiveResponse =
                answer.map_err(|failure| failure.known([LeaseTimeToLiveError::NotFound]))?;
            // Of a lease that there is not it says that less than no time is left.
            if response.ttl < 0 {
                return Err(LeaseTimeToLiveError::NotFound);
            }
            let mut keys = response.keys;
            keys.sort();
            Ok(LeaseTimeToLiveResponse {
                revision: wire::header(response.header.as_ref()),
                ttl: wire::ttl(response.ttl),
                granted_ttl: wire::ttl(response.granted_ttl),
                keys,
            })
        })
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        Box::pin(async move {
            let answer = self.read(LEASE_LEASES, pb::LeaseLeasesRequest {}).await;
            let response: pb::LeaseLeasesResponse =
                answer.map_err(|failure| LeaseListError::from(Unavailable::from(failure)))?;
            let leases = response.leases.into_iter().map(|lease| LeaseId(lease.id)).collect();
            Ok(LeaseListResponse { revision: wire::header(response.header.as_ref()), leases })
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        Box::pin(async move { Ok(self.standing.status(&self.caller).await?) })
    }
}
