//! Puts the parts together and runs them.

use crate::auth::Authorizer;
use crate::config::{Config, ListenAddress, ValuesEngine};
use crate::core::{Core, Parts};
use crate::doors::discovery::Discovery;
use crate::doors::etcd2::{self, Etcd2};
use crate::doors::etcd3::{self, Etcd};
use crate::doors::{line, resp};
use crate::entrance::Entrance;
use crate::groups::Groups;
use crate::hub::{Hub, PresenceChange, PresenceKind};
use crate::metrics::Metrics;
use crate::net::{BindError, Listeners, TlsError, TlsServer};
use crate::storage::{Storage, StorageError};
use hyrax_coordination::{Key, LeaseGrantError, Unavailable, Visible};
use hyrax_recipes::members::{Members, Node};
use hyrax_recipes::tree::Tree;
use hyrax_recipes::{
    LockListener, Locks, NodeLease, Presence, PresenceEvent, PresenceEventKind, PresenceListener, Secrets,
};
use hyrax_types::{Clock, Revision, SessionId, SteppedClock, SystemClock};
use hyrax_values::embedded::Embedded as EmbeddedValues;
use hyrax_values::{Memory, Unmeasured, Values};
use hyrax_values_redis::{ConnectError, RedisValues};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How late a key's `expired` may be pushed. The key itself is not seen a millisecond past its time.
const EXPIRY_EVERY: Duration = Duration::from_millis(10);

/// Timers looked at in each shard before others get the processor.
const EXPIRY_LOOKS: usize = 256;

/// How often forgotten keys are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is not listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no engine of values.
    #[error("the engine of values: {0}")]
    Values(#[from] ConnectError),
    /// There is no coordination engine.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The coordination engine refused the node's lease.
    #[error("the node's lease was not granted: {0}")]
    Lease(#[from] LeaseGrantError),
    /// The coordination engine does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A part of the server that runs for ever has panicked; what it was is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of the server crashed: its last words are above; restart it, and please report this")]
pub struct Crashed;

/// A server that listens.
pub struct Server {
    core: Arc<Core>,
    storage: Storage,
    doors: Arc<Entrance>,
    /// Cancelled when it is to take no more connections, and what waits for ever is to end.
    stop: CancellationToken,
    listeners: parking_lot::Mutex<Option<Listeners>>,
    addresses: Vec<ListenAddress>,
    tls: Option<TlsServer>,
    background: parking_lot::Mutex<JoinSet<()>>,
}

impl Server {
    /// Starts the engines and listens, but accepts nobody yet. Must be called inside a runtime. Memory is
    /// not measured, so that `maxmemory` does nothing.
    pub async fn bind(config: Config) -> Result<Server, StartError> {
        Server::bind_measured(config, Arc::new(Unmeasured)).await
    }

    /// As [`Server::bind`], in a process whose memory somebody measures.
    pub async fn bind_measured(config: Config, memory: Arc<dyn Memory>) -> Result<Server, StartError> {
        let tls = match (&config.tls.cert, &config.tls.key) {
            (Some(certificate), Some(key)) => Some(TlsServer::load(certificate, key)?),
            _ => None,
        };
        let listeners = Listeners::bind(&config.listen).await?;
        let addresses: Vec<ListenAddress> = listeners.addresses().cloned().collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut names = resp::metrics_names().to_vec();
        let first_method = names.len();
        names.extend(etcd3::metrics_names());
        let first_call = names.len();
        names.extend(etcd2::metrics_names());
        let metrics = Metrics::new(&names);
        let hub = Hub::new(std::thread::available_parallelism().map_or(1, usize::from), metrics.clone());
        let removes_expired = Arc::new(AtomicBool::new(true));
        let mut background = JoinSet::new();
        let values = start_values(&config, &hub, memory, &removes_expired, &mut background).await?;
        values.limit_memory(config.limits.memory());
        hub.ask(&values);
        let storage = Storage::start(&config, clock.clone()).await?;
        let coordination = storage.coordination();
        let lease = Arc::new(NodeLease::start(coordination.clone(), config.limits.node_lease).await?);
        let listener = Arc::new(Told(hub.clone()));
        let presence = Presence::start(coordination.clone(), lease.clone(), clock.clone(), listener).await?;
        let lost_locks = Arc::new(LostLocks::default());
        let locks = Locks::new(coordination.clone(), lease.clone(), lost_locks.clone());
        let groups = Groups::new(coordination.clone(), lease.clone(), clock.clone(), line::GROUP_PUSHES);
        let secrets = Arc::new(Secrets::start(coordination.clone()).await?);
        let tree = Tree::start(coordination.clone(), clock.clone());
        let node_name = config.node_name_or_new();
        let ids = storage.ids(&node_name);
        let members = storage.is_shared().then(|| {
            let addresses = addresses_for_others(&addresses);
            let own = Node { number: ids.member, name: node_name.clone(), addresses };
            Members::start(coordination.clone(), lease.clone(), own)
        });
        let hidden = lease.clone();
        let is_hidden = Box::new(move |id| id == hidden.id());
        let visible = Arc::new(Visible::new(coordination.clone(), is_hidden));
        for number in 0..hub.flushers() {
            let hub = hub.clone();
            background.spawn(async move { hub.run_flusher(number).await });
        }
        watch_the_poller();
        background.spawn(sweep(hub.clone()));
        let core = Core::new(Parts {
            values,
            coordination: visible,
            presence,
            locks,
            groups,
            authorizer: Authorizer::new(&config, secrets),
            metrics,
            hub,
            clock,
            removes_expired,
            node_name,
            config,
        });
        lost_locks.tell_sessions_of(&core);
        core.groups.tell_sessions_of(&core);
        let watches = core.clone();
        background.spawn(async move { watches.groups.watch_the_lease().await });
        let stop = CancellationToken::new();
        let etcd = Etcd::new(core.clone(), ids, first_method, stop.clone());
        let etcd2 = Etcd2::new(core.clone(), tree, members, ids, first_call, stop.clone());
        let discovery =
            Discovery::start(core.clone(), (coordination, storage.is_shared()), lease, ids, &mut background)
                .await?;
        let doors = Entrance::new(core.clone(), etcd, etcd2, discovery);
        let listeners = parking_lot::Mutex::new(Some(listeners));
        Ok(Server {
            core,
            storage,
            doors,
            stop,
            listeners,
            addresses,
            tls,
            background: parking_lot::Mutex::new(background),
        })
    }

    /// Where it listens, with the ports that were really taken.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.addresses.clone()
    }

    /// What the doors stand on.
    #[cfg(test)]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Takes over secrets, operators and limits of a changed configuration.
    pub fn reload(&self, config: &Config) {
        self.core.reload(config);
    }

    /// Serves until `shutdown` resolves, or an operator asks for the end, then drains: no new connections, and every session is told.
    /// Answers how many sessions had not ended when the time for that was over. Serving a second time
    /// returns at once.
    pub async fn serve(&self, shutdown: impl Future<Output = ()>) -> Result<usize, Crashed> {
        let Some(listeners) = self.listeners.lock().take() else { return Ok(0) };
        let left = self.serve_until(listeners, shutdown).await;
        self.storage.close().await;
        left
    }

    async fn serve_until(
        &self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()>,
    ) -> Result<usize, Crashed> {
        let mut background = std::mem::take(&mut *self.background.lock());
        let serving = listeners.serve(self.doors.clone(), self.tls.clone(), self.stop.clone());
        tokio::pin!(serving);
        tokio::select! {
            left = &mut serving => return Ok(left),
            // Without it pushes or expiries would be missing, and nobody would know.
            Some(_) = background.join_next() => return Err(Crashed),
            () = shutdown => {}
            () = self.core.stop.cancelled() => {}
        }
        self.stop.cancel();
        self.core.kick_all();
        Ok(serving.await)
    }
}

/// Starts the engine of values that the configuration asks for.
async fn start_values(
    config: &Config,
    hub: &Arc<Hub>,
    memory: Arc<dyn Memory>,
    removes_expired: &Arc<AtomicBool>,
    background: &mut JoinSet<()>,
) -> Result<Arc<dyn Values>, StartError> {
    match &config.values {
        ValuesEngine::Embedded => {
            let values = EmbeddedValues::with_memory(Arc::new(SteppedClock), hub.clone(), memory);
            let values = Arc::new(values);
            background.spawn(expire(values.clone(), removes_expired.clone()));
            Ok(values)
        }
        ValuesEngine::Redis(address) => {
            Ok(Arc::new(RedisValues::connect(address.clone(), hub.clone()).await?))
        }
    }
}

/// How often somebody looks whether the sockets are still being polled.
const POLLED_EVERY: Duration = Duration::from_millis(10);

/// Sees to it that a long command (half a gigabyte written at once) costs others no more than a moment.
///
/// One worker thread of the runtime polls the sockets for all. If it meets a long command, the others may
/// sleep on, and nobody polls. A thread of its own therefore looks whether a task on a timer still gets
/// its turns, and if not, gives the runtime a task, which wakes another worker, and that one polls.
fn watch_the_poller() {
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::downgrade(&turns);
    let runtime = tokio::runtime::Handle::current();
    runtime.spawn(async move {
        let mut ticks = tokio::time::interval(POLLED_EVERY / 2);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            turns.fetch_add(1, Ordering::Relaxed);
        }
    });
    let watch = move || {
        let mut before = 0;
        // The counter goes with the runtime, and then so does this thread.
        while let Some(turns) = counted.upgrade() {
            let now = turns.load(Ordering::Relaxed);
            drop(turns);
            if now == before {
                runtime.spawn(async {});
            }
            before = now;
            std::thread::sleep(POLLED_EVERY);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("poller-watch".to_owned()).spawn(watch) {
        tracing::warn!(%error, "long commands will keep other clients waiting");
    }
}

/// Removes keys whose time is over, for ever.
async fn expire(values: Arc<EmbeddedValues>, removes: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(EXPIRY_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // While a shard has more than was looked at, it goes on, with turns for others.
        while removes.load(Ordering::Relaxed)
            && values.expire(EXPIRY_LOOKS).is_some_and(|next| next <= SystemClock.now_ms())
        {
            tokio::task::yield_now().await;
        }
    }
}

/// Forgets keys that nobody came back to, for ever.
async fn sweep(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        hub.sweep(std::time::Instant::now());
    }
}

/// Tells the hub what presence tells.
struct Told(Arc<Hub>);

impl PresenceListener for Told {
    fn presence(&self, event: PresenceEvent) {
        let kind = match event.kind {
            PresenceEventKind::Added { id, replaces } => PresenceKind::Added { id, replaces },
            PresenceEventKind::Removed { id, given } => PresenceKind::Removed { id: given.unwrap_or(id) },
            PresenceEventKind::Closed { id, cause } => PresenceKind::Closed { id, cause: cause.word() },
            PresenceEventKind::Reset { .. } => PresenceKind::Lost,
        };
        self.0.emit_presence(PresenceChange { ekg: event.ekg, erev: event.erev, kind });
    }
}

/// Tells sessions of locks that they have lost.
#[derive(Default)]
struct LostLocks(OnceLock<Weak<Core>>);

impl LostLocks {
    /// From now on; nobody holds a lock before.
    fn tell_sessions_of(&self, core: &Arc<Core>) {
        self.0.get_or_init(|| Arc::downgrade(core));
    }
}

impl LockListener for LostLocks {
    fn lost(&self, session: SessionId, name: &Key, token: Revision) {
        let core = self.0.get().and_then(Weak::upgrade);
        let outbox = core.and_then(|core| core.session(session)?.outbox());
        if let Some(outbox) = outbox {
            let mut line = Vec::new();
            line::write_lost(name, token, &mut line);
            outbox.tell(line.into());
        }
    }
}

/// Where clients of other nodes reach this one. Who listens on every address of the machine is reached by its name.
fn addresses_for_others(addresses: &[ListenAddress]) -> Vec<String> {
    let reachable = |address: &ListenAddress| match address {
        ListenAddress::Tcp { host, port } if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) => {
            Some(format!("{}:{port}", rustix::system::uname().nodename().to_string_lossy()))
        }
        ListenAddress::Tcp { .. } => Some(address.to_string()),
        ListenAddress::Unix(_) => None,
    };
    addresses.iter().filter_map(reachable).collect()
}
