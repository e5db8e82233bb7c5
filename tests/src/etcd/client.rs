//! A client of etcd v3's API: the generated stubs over one connection, and a watch that is read like a queue.
//!
//! It retries nothing and hides nothing, since what a server answers is what the tests are about.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream;
use hyrax_etcd::etcdserverpb::kv_client::KvClient;
use hyrax_etcd::etcdserverpb::lease_client::LeaseClient;
use hyrax_etcd::etcdserverpb::maintenance_client::MaintenanceClient;
use hyrax_etcd::etcdserverpb::watch_client::WatchClient;
use hyrax_etcd::etcdserverpb::watch_request::RequestUnion;
use hyrax_etcd::etcdserverpb::{
    LeaseKeepAliveRequest, LeaseKeepAliveResponse, WatchCreateRequest, WatchRequest, WatchResponse,
};
use hyrax_etcd::v3lockpb::lock_client::LockClient;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// How long a connection may take to stand.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Larger than any answer that a test asks for.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A connection to one server, and the services on it.
#[derive(Clone, Debug)]
pub struct EtcdClient {
    /// Keys and values.
    pub kv: KvClient<Channel>,
    /// Leases.
    pub lease: LeaseClient<Channel>,
    /// Locks.
    pub lock: LockClient<Channel>,
    /// Status, hashes, snapshots.
    pub maintenance: MaintenanceClient<Channel>,
    watch: WatchClient<Channel>,
}

impl EtcdClient {
    /// Connects; an error where nobody listens.
    pub async fn try_connect(address: SocketAddr) -> Result<EtcdClient, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let channel = endpoint.connect_timeout(CONNECT_WITHIN).tcp_nodelay(true).connect().await?;
        Ok(EtcdClient {
            kv: KvClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            lease: LeaseClient::new(channel.clone()),
            lock: LockClient::new(channel.clone()),
            maintenance: MaintenanceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            watch: WatchClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX),
        })
    }

    /// Connects to a server that listens.
    pub async fn connect(address: SocketAddr) -> EtcdClient {
        EtcdClient::try_connect(address)
            .await
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error:?}"))
    }

    /// Renews a lease once, on a stream of its own.
    pub async fn keep_alive_once(&mut self, id: i64) -> Result<LeaseKeepAliveResponse, Status> {
        let once = stream::iter([LeaseKeepAliveRequest { id }]);
        let mut answers = self.lease.lease_keep_alive(once).await?.into_inner();
        answers.message().await?.ok_or_else(|| Status::unavailable("the stream ended without an answer"))
    }

    /// Begins a watch on a stream of its own. The first response, which is still to come, says whether it stands.
    pub async fn watch(&mut self, create: WatchCreateRequest) -> Result<Watching, Status> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let request = |union| WatchRequest { request_union: Some(union) };
        // The stream has this one before it begins: a server may answer only what it has read.
        let _ = requests.send(request(RequestUnion::CreateRequest(create)));
        let sent = stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<WatchRequest>| async {
            let request = receiver.recv().await?;
            Some((request, receiver))
        });
        let responses = self.watch.watch(sent).await?.into_inner();
        Ok(Watching { requests, responses })
    }
}

/// A stream of watches.
#[derive(Debug)]
pub struct Watching {
    requests: mpsc::UnboundedSender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Watching {
    /// The next response; `None` when the server ended the stream.
    pub async fn next(&mut self) -> Result<Option<WatchResponse>, Status> {
        self.responses.message().await
    }

    /// Asks for one more thing on this stream.
    pub fn send(&self, union: RequestUnion) {
        // Where the stream is broken, `next` tells it.
        let _ = self.requests.send(WatchRequest { request_union: Some(union) });
    }
}
