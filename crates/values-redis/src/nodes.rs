//! The servers: which one a slot belongs to, and how a command gets there and back.
//!
//! A command is sent again only where a server has said that it did not run it: it has moved, the slot is being moved,
//! the cluster is not up, the functions are not there. When a connection is lost while a command is under way,
//! nobody knows whether it was run, so it fails; the library connects anew. (Its own cluster client would send it
//! again, and an `INCR` would count twice.)

use crate::Address;
use crate::address::member;
use crate::library::library;
use crate::slot::SLOTS;
use arc_swap::ArcSwap;
use hyrax_types::limits;
use parking_lot::Mutex;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult,
    ServerErrorKind, Value,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection may take to come up.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long an answer may take. The functions take microseconds; a flush of millions of keys takes seconds.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long to wait before the same is asked again of a cluster that is changing, at first and at most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// Commands that wait for the connection's task: more than one pipeline's, so that writers seldom wait for it.
const COMMANDS_QUEUED: usize = 4_096;

/// How often the cluster's map is asked for at most.
const REFRESH_EVERY: Duration = Duration::from_millis(100);

/// One server.
pub struct Node {
    /// Where it is, as an identity.
    pub address: String,
    info: ConnectionInfo,
    commands: ConnectionManager,
}

impl Node {
    fn new(info: ConnectionInfo) -> RedisResult<Arc<Self>> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(ANSWER_MAX))
            .set_pipeline_buffer_size(COMMANDS_QUEUED)
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(500));
        let commands = Client::open(info.clone())?.get_connection_manager_lazy(config)?;
        Ok(Arc::new(Node { address: info.addr().to_string(), info, commands }))
    }

    /// How to connect to it.
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Has it run a command, and nothing more.
    pub async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        refused(self.commands.clone().send_packed_command(command).await?)
    }

    async fn send_asking(&self, command: &Cmd) -> RedisResult<Value> {
        let mut both = redis::pipe();
        both.cmd("ASKING").add_command(command.clone());
        let mut values = self.commands.clone().send_packed_commands(&both, 1, 1).await?;
        values.pop().map_or(Ok(Value::Nil), refused)
    }

    /// Has it run several commands; what it answered to each, refusals included.
    pub async fn send_all(&self, commands: &Pipeline, answers: usize) -> RedisResult<Vec<Value>> {
        self.commands.clone().send_packed_commands(commands, 0, answers).await
    }

    /// Has it take the functions.
    pub async fn load_functions(&self) -> RedisResult<()> {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(&library().code);
        self.send(&load).await.map(drop)
    }
}

/// Which server each slot belongs to.
struct Map {
    nodes: Vec<Arc<Node>>,
    /// The place of its server, for each slot; a single server has all.
    owners: Box<[u16]>,
}

impl Map {
    fn owner(&self, slot: u16) -> &Arc<Node> {
        let place = self.owners.get(usize::from(slot)).copied().unwrap_or(0);
        // There is always at least one: the servers that were given.
        self.nodes.get(usize::from(place)).unwrap_or(&self.nodes[0])
    }

    fn find(&self, address: &str) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.address == address)
    }
}

/// All servers.
pub struct Nodes {
    map: ArcSwap<Map>,
    seeds: Vec<ConnectionInfo>,
    is_cluster: bool,
    refreshed: tokio::sync::Mutex<Option<Instant>>,
    moved: Mutex<()>,
}

impl Nodes {
    /// The servers of an address, none of which is spoken to yet.
    pub fn new(address: &Address) -> RedisResult<Self> {
        let nodes = address.servers.iter().cloned().map(Node::new).collect::<RedisResult<Vec<_>>>()?;
        if nodes.is_empty() {
            return Err((ErrorKind::InvalidClientConfig, "no address").into());
        }
        Ok(Nodes {
            map: ArcSwap::from_pointee(Map { nodes, owners: Box::default() }),
            seeds: address.servers.clone(),
            is_cluster: address.is_cluster,
            refreshed: tokio::sync::Mutex::new(None),
            moved: Mutex::new(()),
        })
    }

    /// The server of a slot, as far as is known.
    pub fn owner(&self, slot: u16) -> Arc<Node> {
        self.map.load().owner(slot).clone()
    }

    /// All servers that have slots.
    pub fn all(&self) -> Vec<Arc<Node>> {
        self.map.load().nodes.clone()
    }

    /// Learns anew which server has which slots. Asked again at once, it does nothing.
    pub async fn refresh(&self) -> RedisResult<()> {
        if !self.is_cluster {
            return Ok(());
        }
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|at| at.elapsed() < REFRESH_EVERY) {
            return Ok(());
        }
        let mut refusal = None;
        for node in self.known_nodes()? {
            match node.send(redis::cmd("CLUSTER").arg("SLOTS")).await {
                Ok(slots) => {
                    self.take_map(&node, &slots)?;
                    *refreshed = Some(Instant::now());
                    return Ok(());
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.unwrap_or_else(|| (ErrorKind::Client, "no server of the cluster is known").into()))
    }

    /// Those that are known to have slots, then those that were given at first.
    fn known_nodes(&self) -> RedisResult<Vec<Arc<Node>>> {
        let mut nodes = self.all();
        for info in &self.seeds {
            if !nodes.iter().any(|node| node.address == info.addr().to_string()) {
                nodes.push(Node::new(info.clone())?);
            }
        }
        Ok(nodes)
    }

    /// Takes over what `CLUSTER SLOTS` answered.
    fn take_map(&self, asked: &Node, slots: &Value) -> RedisResult<()> {
        let _one_at_a_time = self.moved.lock();
        let before = self.map.load_full();
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        let mut owners = vec![0; usize::from(SLOTS)].into_boxed_slice();
        let Value::Array(ranges) = slots else { return Ok(()) };
        let asked = host_of(asked);
        for range in ranges {
            let Some((first, last, host, port)) = parse_range(range) else { continue };
            // A server that does not know its own address means the one that it was asked at.
            let info = member(&self.seeds[0], if host.is_empty() { &asked } else { &host }, port);
            let address = info.addr().to_string();
            let place = match nodes.iter().position(|node| node.address == address) {
                Some(place) => place,
                None => {
                    nodes.push(before.find(&address).cloned().map_or_else(|| Node::new(info), Ok)?);
                    nodes.len() - 1
                }
            };
            owners[usize::from(first)..=usize::from(last)].fill(place as u16);
        }
        if !nodes.is_empty() {
            self.map.store(Arc::new(Map { nodes, owners }));
        }
        Ok(())
    }

    /// The server that a redirection names; without a host it means that of the server which said so.
    fn redirected(&self, by: &Node, error: &RedisError) -> Option<Arc<Node>> {
        let (address, _slot) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let said_by = host_of(by);
        let info = member(&self.seeds[0], if host.is_empty() { &said_by } else { host }, port);
        let map = self.map.load();
        map.find(&info.addr().to_string()).cloned().or_else(|| Node::new(info).ok())
    }

    /// Has the server of a slot run a command.
    pub async fn run(&self, slot: u16, command: &Cmd) -> RedisResult<Value> {
        self.run_at(self.owner(slot), Some(slot), command).await
    }

    /// Has one server run a command.
    pub async fn run_on(&self, node: &Arc<Node>, command: &Cmd) -> RedisResult<Value> {
        self.run_at(node.clone(), None, command).await
    }

    async fn run_at(&self, mut node: Arc<Node>, slot: Option<u16>, command: &Cmd) -> RedisResult<Value> {
        let began = Instant::now();
        let mut wait = AGAIN_AFTER.0;
        let mut outcome = node.send(command).await;
        loop {
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if began.elapsed() > limits::REDIS_UNSETTLED_MAX {
                return Err(error);
            }
            match remedy(&error) {
                Remedy::Load => node.load_functions().await?,
                Remedy::Ask => {
                    if let Some(other) = self.redirected(&node, &error) {
                        outcome = other.send_asking(command).await;
                        if outcome.as_ref().err().is_some_and(|error| remedy(error) == Remedy::Load) {
                            other.load_functions().await?;
                            outcome = other.send_asking(command).await;
                        }
                        continue;
                    }
                    return Err(error);
                }
                Remedy::Follow => {
                    let told = self.redirected(&node, &error);
                    // Where the map cannot be had, the redirection is good enough.
                    let _ = self.refresh().await;
                    node = told.or_else(|| slot.map(|slot| self.owner(slot))).unwrap_or(node);
                }
                Remedy::Wait => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(AGAIN_AFTER.1);
                    let _ = self.refresh().await;
                    node = slot.map_or(node, |slot| self.owner(slot));
                }
                Remedy::None => {
                    // The next command should find who has taken over.
                    if error.is_connection_dropped() || error.is_io_error() {
                        let _ = self.refresh().await;
                    }
                    return Err(error);
                }
            }
            outcome = node.send(command).await;
        }
    }
}

/// A server's refusal as the error that it is.
fn refused(value: Value) -> RedisResult<Value> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

/// What helps against an error that says that a command was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The functions have to be loaded.
    Load,
    /// Another server has the slot.
    Follow,
    /// Another server is about to have it.
    Ask,
    /// It will pass.
    Wait,
    /// Nothing.
    None,
}

/// What helps against an error.
pub fn remedy(error: &RedisError) -> Remedy {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ReadOnly) => Remedy::Follow,
        ErrorKind::Server(ServerErrorKind::Ask) => Remedy::Ask,
        ErrorKind::Server(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading,
        ) => Remedy::Wait,
        _ if error.detail().is_some_and(|detail| detail.starts_with("Function not found")) => Remedy::Load,
        _ => Remedy::None,
    }
}

/// The host of a server's address.
fn host_of(node: &Node) -> String {
    match node.info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

/// First slot, last slot, host and port of the primary.
fn parse_range(range: &Value) -> Option<(u16, u16, String, u16)> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &parts[..] else { return None };
    let [host, Value::Int(port), ..] = &primary[..] else { return None };
    let host = match host {
        Value::BulkString(host) if host != b"?" => String::from_utf8_lossy(host).into_owned(),
        _ => String::new(),
    };
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    (first <= last && last < SLOTS).then_some((first, last, host, u16::try_from(*port).ok()?))
}
