//! The connection to the server that has the namespace.
//!
//! A task opens it, loads the functions and begins the namespace if there is none; and does so again when somebody found
//! the connection of no use. Everybody else takes what there is, or waits for it.

use std::sync::Arc;

use hyrax_types::limits::{REDIS_RETRY_MAX, REDIS_RETRY_MIN};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::feed::Standing;
use crate::library::{self, BEGIN, Names};
use crate::settings::RedisSettings;

/// An open connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Tells it from those before it.
    number: u64,
    client: Client,
    commands: MultiplexedConnection,
    /// When the namespace began, in microseconds.
    pub(crate) born: u64,
}

impl Connection {
    /// Sends a command; its answer may be awaited for ever.
    pub(crate) async fn ask(&mut self, command: &redis::Cmd) -> RedisResult<Value> {
        self.commands.send_packed_command(command).await?.extract_error()
    }

    /// Another connection to the same server, for what waits.
    pub(crate) async fn another(&self) -> RedisResult<MultiplexedConnection> {
        connect(&self.client).await
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // How long an answer may take is known where it is waited for.
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

#[derive(Clone)]
enum State {
    /// There is none, and why.
    Down { reason: Arc<str>, refused: bool },
    /// There is one.
    Up(Box<Connection>),
}

/// The connection, whichever it is at the moment.
pub(crate) struct Link {
    state: watch::Sender<State>,
    /// Where a server said that the namespace is.
    moved: Mutex<Option<(String, u16)>>,
}

impl Link {
    pub(crate) fn new() -> Arc<Link> {
        let state = State::Down { reason: "it was not tried yet".into(), refused: false };
        Arc::new(Link { state: watch::Sender::new(state), moved: Mutex::default() })
    }

    /// Waits for a connection; for ever where Redis stays away.
    pub(crate) async fn connection(&self) -> Connection {
        let mut states = self.state.subscribe();
        loop {
            if let State::Up(connection) = &*states.borrow_and_update() {
                return Connection::clone(connection);
            }
            // The sender is this link's own: it can not be gone.
            _ = states.changed().await;
        }
    }

    /// Waits until there is a connection, or one is refused for good: the password is wrong, for one.
    pub(crate) async fn decided(&self) -> Result<Connection, Arc<str>> {
        let mut states = self.state.subscribe();
        loop {
            match &*states.borrow_and_update() {
                State::Up(connection) => return Ok(Connection::clone(connection)),
                State::Down { reason, refused: true } => return Err(reason.clone()),
                State::Down { .. } => {}
            }
            _ = states.changed().await;
        }
    }

    /// Why there is no connection, where there is none.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        match &*self.state.borrow() {
            State::Down { reason, .. } => Some(reason.clone()),
            State::Up(_) => None,
        }
    }

    /// Gives the connection up for another, if it is still this one.
    pub(crate) fn leave(&self, connection: &Connection, why: &str) {
        self.state.send_if_modified(|state| {
            let same = matches!(state, State::Up(current) if current.number == connection.number);
            if same {
                *state = State::Down { reason: why.into(), refused: false };
            }
            same
        });
    }

    /// The same because of an error, which may say where to go.
    pub(crate) fn leave_for(&self, connection: &Connection, error: &RedisError) {
        self.heed(error);
        self.leave(connection, &error.to_string());
    }

    fn heed(&self, error: &RedisError) {
        if let Some((address, _)) = error.redirect_node()
            && let Some((host, port)) = address.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            *self.moved.lock() = Some((host.to_owned(), port));
        }
    }

    /// Waits until the connection is another, or gone.
    pub(crate) async fn replaced(&self, connection: &Connection) {
        let same = |state: &State| matches!(state, State::Up(current) if current.number == connection.number);
        _ = self.state.subscribe().wait_for(|state| !same(state)).await;
    }

    /// Keeps a connection. Never ends.
    pub(crate) async fn keep(self: Arc<Link>, settings: RedisSettings, names: Names) {
        let mut wait = REDIS_RETRY_MIN;
        for number in 1.. {
            let server = self.next_server(&settings, number);
            let opened = timeout(settings.connect_max, open(server, number, &names)).await;
            let began = Instant::now();
            match opened {
                Ok(Ok(connection)) => {
                    self.state.send_replace(State::Up(Box::new(connection.clone())));
                    self.replaced(&connection).await;
                }
                Ok(Err(error)) => {
                    self.heed(&error);
                    let refused = is_for_good(&error);
                    self.state.send_replace(State::Down { reason: told(&error).into(), refused });
                }
                Err(_) => {
                    let reason = "Redis does not answer".into();
                    self.state.send_replace(State::Down { reason, refused: false });
                }
            }
            if began.elapsed() > REDIS_RETRY_MAX {
                wait = REDIS_RETRY_MIN;
                continue;
            }
            sleep(wait).await;
            wait = next_wait(wait);
        }
    }

    /// Where to connect: where it was said to be, else one server after the other.
    fn next_server(&self, settings: &RedisSettings, number: u64) -> ConnectionInfo {
        let at = usize::try_from(number).unwrap_or(0) % settings.servers.len();
        let server = settings.servers[at].clone();
        let Some((host, port)) = self.moved.lock().take() else { return server };
        let address = match server.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        server.set_addr(address)
    }
}

async fn open(server: ConnectionInfo, number: u64, names: &Names) -> RedisResult<Connection> {
    let client = Client::open(server)?;
    let commands = connect(&client).await?;
    let mut connection = Connection { number, client, commands, born: 0 };
    // Something short first: to who has not shown a password, a long text is a mistake of the protocol.
    connection.ask(&redis::cmd("PING")).await?;
    connection.ask(redis::cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(library::CODE)).await?;
    let begun = connection.ask(redis::cmd("FCALL").arg(BEGIN.0).arg(1).arg(&names.meta)).await?;
    connection.born = Standing::of(begun).ok().and_then(|standing| standing.born.parse().ok()).unwrap_or(0);
    connection.warn_of_eviction().await;
    Ok(connection)
}

impl Connection {
    /// A Redis that evicts whatever it likes would tear holes into the key space.
    async fn warn_of_eviction(&mut self) {
        // Who may not ask is not told; then nothing is known.
        let asked = self.ask(redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy")).await;
        let policy = asked.and_then(|value| Ok(redis::from_redis_value::<Vec<String>>(value)?));
        if let Ok([_, policy]) = policy.as_deref()
            && policy.starts_with("allkeys")
        {
            tracing::warn!(%policy, "this Redis may evict keys of the coordination engine; set maxmemory-policy to \
                                     noeviction or volatile-…");
        }
    }
}

/// Whether another try makes no difference.
fn is_for_good(error: &RedisError) -> bool {
    let code = error.code().unwrap_or_default();
    let unknown = error.to_string().contains("unknown command");
    let not_let_in = error.kind() == redis::ErrorKind::AuthenticationFailed;
    ["WRONGPASS", "NOAUTH", "NOPERM"].contains(&code) || not_let_in || unknown
}

fn told(error: &RedisError) -> String {
    if error.to_string().contains("unknown command") {
        return format!("this Redis has no functions, which came with Redis 7: {error}");
    }
    error.to_string()
}

/// How long to wait before what failed is tried again.
pub(crate) fn next_wait(wait: std::time::Duration) -> std::time::Duration {
    (wait * 2).min(REDIS_RETRY_MAX)
}
