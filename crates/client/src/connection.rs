//! One connection to whatever coordinates, and what is made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyrax_coordination::{
    Coordination, Embedded, EmbeddedSettings, LeaseGrantError, StatusError, StoreSettings,
};
use hyrax_coordination_etcd::{Credentials, EtcdCoordination, EtcdSettings, TlsSettings};
use hyrax_coordination_redis::RedisCoordination;
use hyrax_recipes::NodeLease;
use hyrax_recipes::group::{BadHeartbeat, DEFAULT_HEARTBEAT, lease_ttl};
use hyrax_recipes::services::Registrar;
use hyrax_types::{Clock, Revision, SessionId, SystemClock};
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::address::{Address, AddressError, HyraxAddress, Login, Socket};
use crate::election::Election;
use crate::events::Events;
use crate::group::{Group, GroupOptions};
use crate::live::{self, Client};
use crate::lock::{Lock, LockDesk};
use crate::services::Services;

/// A jump of the clock beyond this was a pause of the process, for whose time no lease ends. The clock is read twenty
/// times a second.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often this process shows that it lives. When nothing is heard of it for one and a half times that, it loses
    /// its locks, its leaderships and its registrations.
    pub heartbeat: Duration,
    /// Of live values. Its `ca` and `login` count for coordination too, unless the address says otherwise.
    pub live: live::Settings,
}

impl Default for Options {
    fn default() -> Options {
        Options { heartbeat: DEFAULT_HEARTBEAT, live: live::Settings::default() }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConnectError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody can live by that heartbeat.
    #[error(transparent)]
    Heartbeat(#[from] BadHeartbeat),
    /// Nobody answers there, or not as expected.
    #[error("cannot connect to {address}: {reason}")]
    Engine {
        /// Where.
        address: String,
        /// What happened.
        reason: String,
    },
    /// etcd's protocol is not spoken over Unix sockets.
    #[error("locks, groups and services need HOST:PORT: over {0} there are only live values")]
    UnixSocket(String),
    /// There are no live values there.
    #[error("live values are a Hyrax server's: {0} has none")]
    NoLiveValues(String),
}

/// Why there is no lease to hang things on: the engine's word.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no lease for this process: {0}")]
pub struct NoLease(#[from] LeaseGrantError);

/// Connects to what the address names: `hyrax://HOST:PORT`, `etcd://HOST:PORT,…`, `redis://HOST:PORT`, or `embedded:` for
/// an engine in this process.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let connection = hyrax_client::connect("embedded:").await?;
/// let lock = connection.lock("jobs").try_acquire().await?.expect("nobody else is there");
/// println!("held with token {}", lock.token());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn connect(address: &str) -> Result<Connection, ConnectError> {
    connect_with(address, Options::default()).await
}

/// Connects as the options say.
pub async fn connect_with(address: &str, options: Options) -> Result<Connection, ConnectError> {
    let ttl = lease_ttl(options.heartbeat)?;
    let address: Address = address.parse()?;
    let engine = open(&address, &options.live).await?;
    let lease = OnceCell::new();
    let shared =
        Shared { address, options, engine, ttl, lease, locks: OnceCell::new(), registrar: OnceCell::new() };
    Ok(Connection { shared: Arc::new(shared) })
}

/// A connection to what coordinates. Cloning it is cheap, and clones share everything.
///
/// What is held through it (locks, leaderships, registrations) hangs on one lease of this process, kept alive in the
/// background; a [`Group`] has its own. When the last clone and everything made of it is dropped, the lease ends within
/// its time to live; [`Connection::close`] ends it at once.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    address: Address,
    options: Options,
    engine: Arc<dyn Coordination>,
    ttl: Duration,
    lease: OnceCell<Arc<NodeLease>>,
    locks: OnceCell<LockDesk>,
    registrar: OnceCell<Registrar>,
}

/// Contenders, candidates and members of this process. Each is a session of its own, whatever it contends for.
static SESSIONS: AtomicU64 = AtomicU64::new(1);

/// A session that there was not before in this process.
pub(crate) fn next_session() -> SessionId {
    SessionId(SESSIONS.fetch_add(1, Ordering::Relaxed))
}

impl Connection {
    /// The engine itself, for what no facade offers.
    pub fn coordination(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.shared.engine)
    }

    /// Live values of the same server, over a connection of their own. Only a Hyrax server has some.
    pub async fn live(&self) -> Result<Client, LiveError> {
        match &self.shared.address {
            Address::Hyrax(address) => {
                Ok(Client::open(address.clone(), self.shared.options.live.clone()).await?)
            }
            other => Err(LiveError::None(ConnectError::NoLiveValues(other.to_string()))),
        }
    }

    /// A group, with a lease of its own for its members here.
    ///
    /// Cancel-safe: dropped, it leaves at most a lease that runs out.
    pub async fn group(&self, options: GroupOptions) -> Result<Group, crate::GroupError> {
        Group::new(self.coordination(), options).await
    }

    /// The lock of a name. etcd's own clients and `etcdctl lock` with that name wait for it and are waited for.
    pub fn lock(&self, name: impl AsRef<[u8]>) -> Lock {
        Lock::new(self.clone(), name.as_ref())
    }

    /// The election of a name; etcd's own clients and `etcdctl elect` stand in the same.
    pub fn election(&self, name: impl AsRef<[u8]>) -> Election {
        Election::new(self.clone(), name.as_ref())
    }

    /// Who offers what where.
    pub fn services(&self) -> Services {
        Services::new(self.clone())
    }

    /// Custom events to services, or to all.
    pub fn events(&self) -> Events {
        Events::new(self.coordination())
    }

    /// Gives up at once whatever hangs on this process' lease: locks, leaderships, registrations. Their holders are told
    /// that they are lost. An engine that cannot be reached ends the lease itself in time.
    pub async fn close(&self) {
        if let Some(lease) = self.shared.lease.get() {
            _ = self.shared.engine.lease_revoke(lease.id()).await;
        }
    }

    /// The lease that everything hangs on, granted when it is first needed.
    pub(crate) async fn lease(&self) -> Result<&Arc<NodeLease>, NoLease> {
        let grant = || async {
            let lease = NodeLease::start(self.coordination(), self.shared.ttl).await?;
            Ok(Arc::new(lease))
        };
        self.shared.lease.get_or_try_init(grant).await
    }

    /// The locks held here.
    pub(crate) async fn locks(&self) -> Result<&LockDesk, NoLease> {
        let start = || async { Ok(LockDesk::new(self.coordination(), Arc::clone(self.lease().await?))) };
        self.shared.locks.get_or_try_init(start).await
    }

    /// The nodes of services that are registered here.
    pub(crate) async fn registrar(&self) -> Result<&Registrar, NoLease> {
        let start = || async {
            let services = hyrax_recipes::Services::new(self.coordination());
            Ok(services.registrar(Arc::clone(self.lease().await?)))
        };
        self.shared.registrar.get_or_try_init(start).await
    }
}

/// Why there are no live values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LiveError {
    /// The engine has none.
    #[error(transparent)]
    None(ConnectError),
    /// The server could not be reached, or refused.
    #[error(transparent)]
    Client(#[from] live::Error),
}

async fn open(address: &Address, settings: &live::Settings) -> Result<Arc<dyn Coordination>, ConnectError> {
    let engine: Arc<dyn Coordination> = match address {
        Address::Embedded => return Ok(Arc::new(embedded())),
        Address::Hyrax(hyrax) => etcd(address, over_etcd(hyrax, settings)?).await?,
        Address::Etcd(etcd_settings) => {
            let mut etcd_settings = etcd_settings.clone();
            if let Some(login) = &settings.login {
                etcd_settings.credentials.get_or_insert_with(|| credentials(login));
            }
            if let (Some(tls), Some(ca)) = (&mut etcd_settings.tls, &settings.ca) {
                tls.ca.get_or_insert_with(|| ca.clone());
            }
            etcd(address, etcd_settings).await?
        }
        Address::Redis(settings) => match RedisCoordination::connect(settings.clone()).await {
            Ok(engine) => Arc::new(engine),
            Err(error) => {
                let reason = error.to_string();
                return Err(ConnectError::Engine { address: address.to_string(), reason });
            }
        },
    };
    match engine.status().await {
        Ok(_) => Ok(engine),
        Err(StatusError::Unavailable(unavailable)) => {
            Err(ConnectError::Engine { address: address.to_string(), reason: unavailable.to_string() })
        }
    }
}

/// An empty engine in this process, that is this connection's alone.
fn embedded() -> Embedded {
    let clock = Arc::new(SystemClock);
    // Whoever starts again is not given a token that it had before.
    let store = StoreSettings { first_revision: Revision(clock.now_us()), ..StoreSettings::default() };
    Embedded::start(
        clock,
        EmbeddedSettings { store, pause_min: Some(PAUSE_MIN), ..EmbeddedSettings::default() },
    )
}

async fn etcd(address: &Address, settings: EtcdSettings) -> Result<Arc<dyn Coordination>, ConnectError> {
    match EtcdCoordination::connect(settings).await {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error) => Err(ConnectError::Engine { address: address.to_string(), reason: error.to_string() }),
    }
}

/// A Hyrax server speaks etcd's protocol, on the same port.
fn over_etcd(address: &HyraxAddress, settings: &live::Settings) -> Result<EtcdSettings, ConnectError> {
    let (host, tls) = match &address.socket {
        Socket::Tcp(host) => (host, None),
        Socket::Tls(host) => (host, Some(TlsSettings { ca: settings.ca.clone(), ..TlsSettings::default() })),
        Socket::Unix(_) => return Err(ConnectError::UnixSocket(address.to_string())),
    };
    let endpoint = host.parse().map_err(|_| AddressError::Host(host.clone()))?;
    let login = settings.login.as_ref().or(address.login.as_ref());
    Ok(EtcdSettings { tls, credentials: login.map(credentials), ..EtcdSettings::new([endpoint]) })
}

fn credentials(login: &Login) -> Credentials {
    Credentials { name: login.name.clone(), password: login.password.expose().to_owned() }
}
