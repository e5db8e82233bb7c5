//! The history of a lock: taken through etcd's lock service, each time on a lease of its own, and let go by revoking
//! that lease.

use std::time::Duration;

use hyrax_etcd::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest, RangeRequest};
use hyrax_etcd::v3lockpb::LockRequest;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::storm::Storm;
use crate::etcd::EtcdClient;
use crate::linearizability::lock::{Answer, Ask, Lock};
use crate::linearizability::{Call, History, Recorder, Returned};

/// Longer than the whole test: no lock is let go but by its holder.
const TTL_SECONDS: i64 = 600;
/// How long a client waits for its turn before it takes the call for lost.
const TURN_WITHIN: Duration = Duration::from_secs(3);
/// The same for answers that come at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const NAME: &[u8] = b"a lock";

/// Has `clients` take turns until the storm is over. Answers the history.
pub async fn record_locks(storm: Storm, clients: u64) -> History<Lock> {
    let recorder = Recorder::default();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        tasks.spawn(work(storm.clone(), recorder.clone(), client));
    }
    let mut history = History::default();
    tasks.join_all().await.into_iter().for_each(|own| history.extend(own));
    history
}

async fn work(storm: Storm, recorder: Recorder, client: u64) -> History<Lock> {
    let mut history = History::default();
    let mut connection = storm.connect().await;
    let mut turns = 0;
    while !storm.is_over() {
        turns += 1;
        // Each turn is somebody else's, so that one who may still hold the lock is not taken for the next.
        let holder = client << 32 | turns;
        let lease = (holder + 1) as i64;
        let grant = LeaseGrantRequest { ttl: TTL_SECONDS, id: lease };
        let granted = timeout(ANSWER_WITHIN, connection.lease.lease_grant(grant)).await;
        if !matches!(granted, Ok(Ok(_))) {
            connection = storm.connect().await;
            let_go(&storm, &mut connection, lease).await;
            continue;
        }
        let began = recorder.tick();
        let token = timeout(TURN_WITHIN, acquire(&mut connection, lease)).await;
        let returned = match token {
            Ok(Ok(token)) => Returned::At(recorder.tick(), Answer::Acquired(token)),
            Ok(Err(_)) | Err(_) => {
                connection = storm.connect().await;
                Returned::Never
            }
        };
        let is_held = returned != Returned::Never;
        history.calls.push(Call { began, ask: Ask::Acquire(holder), returned });
        let began = recorder.tick();
        let_go(&storm, &mut connection, lease).await;
        // Where it may never have been held, it may never have been let go.
        let returned = match is_held {
            true => Returned::At(recorder.tick(), Answer::Released),
            false => Returned::Never,
        };
        history.calls.push(Call { began, ask: Ask::Release(holder), returned });
    }
    history
}

/// Takes the lock, and answers its token: the revision in which its holder's key was made.
async fn acquire(connection: &mut EtcdClient, lease: i64) -> Result<i64, Status> {
    let held = connection.lock.lock(LockRequest { name: NAME.into(), lease }).await?.into_inner();
    let range = RangeRequest { key: held.key.clone(), ..RangeRequest::default() };
    let kvs = connection.kv.range(range).await?.into_inner().kvs;
    let owner = kvs.first().ok_or_else(|| Status::aborted("the key of the holder is gone"))?;
    Ok(owner.create_revision)
}

/// Revokes the lease, however long that takes.
async fn let_go(storm: &Storm, connection: &mut EtcdClient, lease: i64) {
    loop {
        let revoke = connection.lease.lease_revoke(LeaseRevokeRequest { id: lease });
        match timeout(ANSWER_WITHIN, revoke).await {
            Ok(Ok(_)) => return,
            Ok(Err(status)) if status.code() == Code::NotFound => return,
            Ok(Err(_)) | Err(_) => *connection = storm.connect().await,
        }
        storm.retry().await;
    }
}
