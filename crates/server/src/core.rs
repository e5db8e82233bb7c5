//! What every door stands on: the engines, the hub, the authorizer, and the list of sessions.
//!
//! It knows no wire format. A door turns its bytes into calls on a [`Session`](crate::session::Session).

use crate::auth::Authorizer;
use crate::card::Card;
use crate::config::{Cidr, Config, Limits};
use crate::errors::ErrorCounts;
use crate::groups::Groups;
use crate::hub::Hub;
use crate::kept_settings::KeptSettings;
use crate::metrics::{CommandTotal, Gauges, Metrics, StorageGauges, Totals};
use crate::net::{Peer, PeerAddress};
use crate::onlookers::Onlookers;
use crate::pause::Pause;
use crate::slow_log::SlowLog;
use arc_swap::ArcSwap;
use hyrax_coordination::{Alarm, Coordination};
use hyrax_recipes::{Locks, Presence};
use hyrax_types::{Clock, SessionId};
use hyrax_values::{StreamNodes, Values};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// The server behind its doors.
pub struct Core {
    /// Live values.
    pub values: Arc<dyn Values>,
    /// The key space as clients may see it.
    pub coordination: Arc<dyn Coordination>,
    /// EKGs.
    pub presence: Presence,
    /// The locks of this node's sessions.
    pub locks: Locks,
    /// What this node's sessions have in groups.
    pub groups: Groups,
    /// Monitors.
    pub hub: Arc<Hub>,
    /// Who may do what.
    pub authorizer: Authorizer,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much one client may use.
    pub limits: ArcSwap<Limits>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This node's name.
    pub node_name: String,
    /// Origins beside loopback's whose pages may talk to the server while auth is off.
    pub allowed_origins: Vec<String>,
    /// A pause of clients' commands.
    pub pause: Pause,
    /// Who is shown every command.
    pub onlookers: Onlookers,
    /// The commands that took longest.
    pub slow_log: SlowLog,
    /// Settings that clients make and nothing depends on.
    pub kept_settings: KeptSettings,
    /// How often clients were refused what.
    pub errors: ErrorCounts,
    /// What was counted before somebody asked for the counting to begin anew.
    pub counted_before: CountedBefore,
    /// Cancelled when a client asks for the server's end.
    pub stop: CancellationToken,
    /// Whether keys whose time is over are removed although nobody asks for them.
    pub removes_expired: Arc<AtomicBool>,
    /// When the server began, in seconds since the epoch.
    pub began_s: u64,
    /// Forty hexadecimal digits, new at every start.
    pub run_id: String,
    sudo: Vec<Cidr>,
    sessions: Sessions,
}

/// What a [`Core`] is made of. Each is as the field of that name.
#[allow(missing_docs)]
pub struct Parts {
    pub values: Arc<dyn Values>,
    pub coordination: Arc<dyn Coordination>,
    pub presence: Presence,
    pub locks: Locks,
    pub groups: Groups,
    pub hub: Arc<Hub>,
    pub authorizer: Authorizer,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub node_name: String,
    pub removes_expired: Arc<AtomicBool>,
    pub config: Config,
}

/// What was counted up to a moment: all at once, and of each command.
#[derive(Default)]
pub struct CountedBefore(Mutex<(Totals, Vec<CommandTotal>)>);

impl CountedBefore {
    /// What had been counted of everything.
    pub fn totals(&self) -> Totals {
        self.0.lock().0
    }

    /// What had been counted of the command in this place.
    pub fn command(&self, number: usize) -> CommandTotal {
        self.0.lock().1.get(number).copied().unwrap_or_default()
    }

    /// Everything up to now.
    pub fn begin_anew(&self, metrics: &Metrics) {
        let commands = (0..metrics.command_names().len()).map(|number| metrics.command_total(number));
        *self.0.lock() = (metrics.totals(), commands.collect());
    }
}

fn run_id() -> String {
    let mut bytes = [0; 20];
    // Without randomness the process id still tells apart the runs of one machine.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    }
    bytes.iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The open sessions.
#[derive(Default)]
struct Sessions {
    last: AtomicU64,
    listed: Mutex<Listed>,
}

#[derive(Default)]
struct Listed {
    cards: BTreeMap<SessionId, Arc<Card>>,
    /// No session is to stay.
    closing: bool,
}

impl Core {
    /// The server over these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let config = parts.config;
        parts.hub.configure_keyspace_events(config.notify_keyspace_events);
        let began_s = parts.clock.now_ms() / 1000;
        Arc::new(Core {
            values: parts.values,
            coordination: parts.coordination,
            presence: parts.presence,
            locks: parts.locks,
            groups: parts.groups,
            hub: parts.hub,
            authorizer: parts.authorizer,
            metrics: parts.metrics,
            limits: ArcSwap::from_pointee(config.limits),
            clock: parts.clock,
            node_name: parts.node_name,
            allowed_origins: config.allowed_origins,
            pause: Pause::default(),
            onlookers: Onlookers::default(),
            slow_log: SlowLog::default(),
            kept_settings: KeptSettings::default(),
            errors: ErrorCounts::default(),
            counted_before: CountedBefore::default(),
            stop: CancellationToken::new(),
            removes_expired: parts.removes_expired,
            began_s,
            run_id: run_id(),
            sudo: config.sudo,
            sessions: Sessions::default(),
        })
    }

    /// Takes over a changed configuration.
    pub fn reload(&self, config: &Config) {
        self.limits.store(Arc::new(config.limits.clone()));
        self.kept_settings.reset();
        self.values.limit_stream_nodes(StreamNodes::default());
        self.values.limit_memory(config.limits.memory());
        self.hub.configure_keyspace_events(config.notify_keyspace_events);
        self.authorizer.reload(config);
    }

    /// Whether requests from there may administer without a password.
    pub fn may_sudo(&self, peer: &Peer) -> bool {
        peer.may_sudo
            && match peer.address {
                // A process of this machine counts as one that comes over loopback.
                PeerAddress::Unix => {
                    self.sudo_has(Ipv4Addr::LOCALHOST.into()) || self.sudo_has(Ipv6Addr::LOCALHOST.into())
                }
                PeerAddress::Tcp(address) => self.sudo_has(address.ip()),
            }
    }

    fn sudo_has(&self, address: IpAddr) -> bool {
        self.sudo.iter().any(|range| range.contains(address))
    }

    /// Seconds since the epoch.
    pub fn now_s(&self) -> u64 {
        self.clock.now_ms() / 1000
    }

    /// A session's id, distinct among all there ever were on this node.
    pub fn next_session_id(&self) -> SessionId {
        SessionId(self.sessions.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Lists a session that can be disconnected by the server; at once, if it came too late.
    pub fn list_session(&self, card: &Arc<Card>) {
        let mut listed = self.sessions.listed.lock();
        listed.cards.insert(card.id, card.clone());
        if listed.closing {
            drop(listed);
            card.kick();
        }
    }

    /// Takes a session off the list.
    pub fn unlist_session(&self, id: SessionId) {
        self.sessions.listed.lock().cards.remove(&id);
    }

    /// The sessions that can be disconnected, by their ids.
    pub fn sessions(&self) -> Vec<Arc<Card>> {
        self.sessions.listed.lock().cards.values().cloned().collect()
    }

    /// One of them.
    pub fn session(&self, id: SessionId) -> Option<Arc<Card>> {
        self.sessions.listed.lock().cards.get(&id).cloned()
    }

    /// Disconnects every session, those included whose connections were accepted but not listed yet.
    pub fn kick_all(&self) {
        self.sessions.listed.lock().closing = true;
        self.sessions().iter().for_each(|card| card.kick());
    }

    /// What is asked for when the metrics are read.
    pub fn gauges(&self) -> Gauges {
        let values = self.values.statistics();
        let storage = self.coordination.maintenance().map(|engine| {
            let alarms = engine.alarms();
            StorageGauges {
                bytes: engine.size().total,
                is_full: alarms.contains(&Alarm::NoSpace),
                is_broken: alarms.contains(&Alarm::Corrupt),
            }
        });
        Gauges {
            monitors: self.hub.monitors() as u64,
            ekg_entries: self.presence.entries() as u64,
            queue_bytes: self.hub.counters().queued.load(Ordering::Relaxed) as u64,
            keys: self.values.len_hint().unwrap_or(0) as u64,
            used_bytes: values.used_bytes,
            evicted: values.evicted,
            storage,
        }
    }
}
