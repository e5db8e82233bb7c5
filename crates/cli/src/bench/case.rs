//! What is measured: workloads, and their numbers.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use super::etcd::EtcdCase;
use super::etcd2::Etcd2Case;
use super::plain::{Door, Plain};

/// A kind of load, as named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Read random strings
    Get,
    /// Write random strings
    Set,
    /// Count
    Incr,
    /// Add to lists
    Lpush,
    /// Take from lists
    Lpop,
    /// Write fields of hashes
    Hset,
    /// Add to sets
    Sadd,
    /// Change scores in sorted sets
    Zadd,
    /// Read sorted sets of 100
    Zrange,
    /// Write ten strings at once
    Mset,
    /// All from incr to mset
    Commands,
    /// Publish to many subscribers
    Publish,
    /// Hold many small keys
    Memory,
    /// Change one key that many monitor
    FanOut,
    /// Change many keys that a few monitor each
    Spread,
    /// Hold many subscribed connections that nothing is sent to
    Idle,
    /// Come and go in an EKG that some monitor
    Ekg,
    /// Join a group of many members that many watch, and stall in it
    Groups,
    /// Hold many sockets that registered services, and register others that some monitor
    Register,
    /// Get and set at few and at many keys, deliver to few and to many monitors
    Scale,
    /// Put over etcd's API, durably
    EtcdPut,
    /// Read single keys over etcd's API
    EtcdRange,
    /// Compare and put over etcd's API, durably
    EtcdTxn,
    /// Take locks and give them up over etcd's API, durably; alone, and with others who want the same
    EtcdLock,
    /// Put a key that many watch over etcd's API
    EtcdWatch,
    /// Keep many leases alive; put while many end together
    EtcdLeases,
    /// Hold many keys that were put over etcd's API, and start again with them
    EtcdMemory,
    /// All over etcd's API
    Etcd,
    /// Put over etcd's v2 API, durably
    Etcd2Put,
    /// Read single keys over etcd's v2 API
    Etcd2Get,
    /// Compare and swap over etcd's v2 API, durably
    Etcd2Cas,
    /// Put a key that many wait for over etcd's v2 API
    Etcd2Wait,
    /// All over etcd's v2 API
    Etcd2,
}

/// The numbers that a user may set; each workload has its own defaults.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// How plain commands reach a Hyrax.
    pub door: Door,
    /// Keys in all.
    pub keys: Option<u64>,
    /// Monitors of a key; for `idle` and `register`, connections.
    pub monitors: Option<u64>,
    /// Changes under way at one time, where there are monitors.
    pub in_flight: Vec<u64>,
    /// Connections that send requests.
    pub connections: Option<usize>,
    /// Requests that a connection sends at once.
    pub pipelines: Vec<u64>,
    /// Bytes of a value.
    pub value_bytes: Option<usize>,
    /// Requests in all.
    pub requests: Option<u64>,
    /// Longest measurement.
    pub time: Duration,
    /// Threads that send requests.
    pub threads: usize,
}

/// Connections where nothing else is said, and bytes of a value. Workloads over etcd's API have others.
const CONNECTIONS: usize = 50;
const VALUE_BYTES: usize = 32;
/// Requests at once where nothing else is said.
const PIPELINE: u64 = 16;
/// The same for `get` and `set`, where it matters most.
const PIPELINES: [u64; 3] = [1, PIPELINE, 64];
/// Publishers in the case that has several.
const PUBLISHERS: u64 = 10;

impl Sizes {
    fn pipelines(&self, default: &[u64]) -> Vec<u64> {
        if self.pipelines.is_empty() { default.to_vec() } else { self.pipelines.clone() }
    }

    /// Connections that send requests.
    pub fn connections(&self) -> usize {
        self.connections.unwrap_or(CONNECTIONS)
    }

    /// Bytes of a value.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes.unwrap_or(VALUE_BYTES)
    }

    /// Requests at once where a workload has only one such number.
    pub fn pipeline(&self) -> u64 {
        self.pipelines.iter().copied().max().unwrap_or(PIPELINE)
    }
}

/// What a key holds, in the measurement of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// A string.
    String,
    /// A hash of ten fields.
    Hash,
    /// A sorted set of a hundred members.
    SortedSet,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// One command, over and over.
    Plain { command: Plain, keys: u64, pipeline: u64, door: Door },
    /// See [`Workload::Publish`]. Without a number in flight, each publisher sends the next message when
    /// the last was answered, as clients do.
    Publish { subscribers: u64, publishers: u64, in_flight: Option<u64> },
    /// See [`Workload::Memory`].
    Memory { holding: Holding, keys: u64 },
    /// See [`Workload::FanOut`].
    FanOut { monitors: u64, in_flight: u64 },
    /// See [`Workload::Spread`].
    Spread { keys: u64, monitors: u64, in_flight: u64 },
    /// See [`Workload::Idle`].
    Idle { connections: u64 },
    /// See [`Workload::Ekg`].
    Ekg { monitors: u64 },
    /// See [`Workload::Groups`].
    Groups { members: u64, watchers: u64 },
    /// See [`Workload::Register`].
    Register { sockets: u64 },
    /// See [`Workload::Etcd`].
    Etcd(EtcdCase),
    /// See [`Workload::Etcd2`].
    Etcd2(Etcd2Case),
}

impl Workload {
    /// What is measured where no workload is named.
    pub const DEFAULT: [Workload; 6] =
        [Workload::Get, Workload::Set, Workload::FanOut, Workload::Spread, Workload::Idle, Workload::Ekg];

    /// The commands that `commands` stands for.
    const COMMANDS: [Plain; 8] = [
        Plain::Incr,
        Plain::Lpush,
        Plain::Lpop,
        Plain::Hset,
        Plain::Sadd,
        Plain::Zadd,
        Plain::Zrange,
        Plain::Mset,
    ];

    /// What `etcd` stands for.
    const ETCD: [Workload; 7] = [
        Workload::EtcdPut,
        Workload::EtcdRange,
        Workload::EtcdTxn,
        Workload::EtcdLock,
        Workload::EtcdWatch,
        Workload::EtcdLeases,
        Workload::EtcdMemory,
    ];

    /// What `etcd2` stands for.
    const ETCD2: [Workload; 4] =
        [Workload::Etcd2Put, Workload::Etcd2Get, Workload::Etcd2Cas, Workload::Etcd2Wait];

    fn etcd2_cases(self, sizes: &Sizes) -> Vec<Etcd2Case> {
        match self {
            Workload::Etcd2Put => {
                Etcd2Case::requests(sizes, |clients, keys| Etcd2Case::Put { clients, keys })
            }
            Workload::Etcd2Get => {
                Etcd2Case::requests(sizes, |clients, keys| Etcd2Case::Get { clients, keys })
            }
            Workload::Etcd2Cas => {
                Etcd2Case::requests(sizes, |clients, keys| Etcd2Case::Cas { clients, keys })
            }
            Workload::Etcd2Wait => Etcd2Case::waits(sizes),
            _ => Vec::new(),
        }
    }

    fn etcd_cases(self, sizes: &Sizes) -> Vec<EtcdCase> {
        match self {
            Workload::EtcdPut => EtcdCase::requests(sizes, |clients, keys| EtcdCase::Put { clients, keys }),
            Workload::EtcdRange => {
                EtcdCase::requests(sizes, |clients, keys| EtcdCase::Range { clients, keys })
            }
            Workload::EtcdTxn => EtcdCase::requests(sizes, |clients, keys| EtcdCase::Txn { clients, keys }),
            Workload::EtcdLock => EtcdCase::locks(sizes),
            Workload::EtcdWatch => EtcdCase::watches(sizes),
            Workload::EtcdLeases => EtcdCase::leases(sizes),
            Workload::EtcdMemory => EtcdCase::memory(sizes),
            _ => Vec::new(),
        }
    }

    /// The cases of the workload at these sizes.
    pub fn cases(self, sizes: &Sizes) -> Vec<Case> {
        let monitors = |default| sizes.monitors.unwrap_or(default);
        let windows = sizes.in_flight.iter().copied();
        match self {
            Workload::Get => plain(Plain::Get, sizes, &PIPELINES),
            Workload::Set => plain(Plain::Set, sizes, &PIPELINES),
            Workload::Incr => plain(Plain::Incr, sizes, &[PIPELINE]),
            Workload::Lpush => plain(Plain::Lpush, sizes, &[PIPELINE]),
            Workload::Lpop => plain(Plain::Lpop, sizes, &[PIPELINE]),
            Workload::Hset => plain(Plain::Hset, sizes, &[PIPELINE]),
            Workload::Sadd => plain(Plain::Sadd, sizes, &[PIPELINE]),
            Workload::Zadd => plain(Plain::Zadd, sizes, &[PIPELINE]),
            Workload::Zrange => plain(Plain::Zrange, sizes, &[PIPELINE]),
            Workload::Mset => plain(Plain::Mset, sizes, &[PIPELINE]),
            Workload::Commands => {
                Workload::COMMANDS.iter().flat_map(|&command| plain(command, sizes, &[PIPELINE])).collect()
            }
            Workload::Publish => {
                let subscribers = monitors(1000);
                let case = |publishers, in_flight| Case::Publish { subscribers, publishers, in_flight };
                let several = windows.clone().max().map(|in_flight| case(PUBLISHERS, Some(in_flight)));
                let answered = [case(1, None), case(PUBLISHERS, None)];
                let delivered = windows.map(|in_flight| case(1, Some(in_flight)));
                answered.into_iter().chain(delivered).chain(several).collect()
            }
            Workload::Memory => {
                let keys = sizes.keys.unwrap_or(1_000_000);
                let case = |holding, keys: u64| Case::Memory { holding, keys: keys.max(1) };
                vec![
                    case(Holding::String, keys),
                    case(Holding::Hash, keys / 10),
                    case(Holding::SortedSet, keys / 100),
                ]
            }
            Workload::FanOut => {
                windows.map(|in_flight| Case::FanOut { monitors: monitors(1000), in_flight }).collect()
            }
            Workload::Spread => {
                let (keys, monitors) = (sizes.keys.unwrap_or(500), monitors(4));
                windows.map(|in_flight| Case::Spread { keys, monitors, in_flight }).collect()
            }
            Workload::Idle => vec![Case::Idle { connections: monitors(10_000) }],
            Workload::Ekg => vec![Case::Ekg { monitors: monitors(10) }],
            Workload::Groups => {
                vec![Case::Groups { members: sizes.keys.unwrap_or(10_000), watchers: monitors(1_000) }]
            }
            Workload::Register => vec![Case::Register { sockets: monitors(10_000) }],
            Workload::Scale => {
                let in_flight = windows.max().unwrap_or(1);
                let (few, many) = (1_000, sizes.keys.unwrap_or(1_000_000));
                let at = |command, keys| Case::Plain {
                    command,
                    keys,
                    pipeline: sizes.pipeline(),
                    door: sizes.door,
                };
                let fan_out = |monitors| Case::FanOut { monitors, in_flight };
                vec![
                    at(Plain::Get, few),
                    at(Plain::Get, many),
                    at(Plain::Set, few),
                    at(Plain::Set, many),
                    fan_out(10),
                    fan_out(monitors(10_000)),
                ]
            }
            Workload::EtcdPut
            | Workload::EtcdRange
            | Workload::EtcdTxn
            | Workload::EtcdLock
            | Workload::EtcdWatch
            | Workload::EtcdLeases
            | Workload::EtcdMemory => self.etcd_cases(sizes).into_iter().map(Case::Etcd).collect(),
            Workload::Etcd => Workload::ETCD.iter().flat_map(|workload| workload.cases(sizes)).collect(),
            Workload::Etcd2Put | Workload::Etcd2Get | Workload::Etcd2Cas | Workload::Etcd2Wait => {
                self.etcd2_cases(sizes).into_iter().map(Case::Etcd2).collect()
            }
            Workload::Etcd2 => Workload::ETCD2.iter().flat_map(|workload| workload.cases(sizes)).collect(),
        }
    }
}

fn plain(command: Plain, sizes: &Sizes, pipelines: &[u64]) -> Vec<Case> {
    let door = sizes.door;
    let keys = sizes.keys.unwrap_or(command.keys(door));
    let case = |pipeline| Case::Plain { command, keys, pipeline, door };
    sizes.pipelines(pipelines).into_iter().map(case).collect()
}

impl Case {
    /// How many operations are counted: deliveries where there are any, requests otherwise.
    pub fn counts_deliveries(self) -> bool {
        matches!(
            self,
            Case::FanOut { .. }
                | Case::Spread { .. }
                | Case::Publish { .. }
                | Case::Groups { .. }
                | Case::Etcd(EtcdCase::Watch { .. })
                | Case::Etcd2(Etcd2Case::Wait { .. })
        )
    }

    /// Whether it is put over one of etcd's APIs, to servers that keep what they acknowledge.
    pub fn is_etcds(self) -> bool {
        matches!(self, Case::Etcd(_) | Case::Etcd2(_))
    }

    /// Whether it is about what a connection takes, and not about how many come in a second: the generator opens one
    /// after the other.
    pub fn is_of_connections(self) -> bool {
        matches!(self, Case::Idle { .. } | Case::Register { .. })
    }

    /// Whether it is said how long things take.
    pub fn has_latencies(self) -> bool {
        self.is_etcds() || matches!(self, Case::Groups { .. } | Case::Register { .. })
    }

    /// Whether `other` is the same load at another size.
    pub fn is_resized(self, other: Case) -> bool {
        match (self, other) {
            (
                Case::Plain { command: one, keys: a, pipeline: c, .. },
                Case::Plain { command: two, keys: b, pipeline: d, .. },
            ) => one == two && a != b && c == d,
            (Case::FanOut { monitors: a, in_flight: c }, Case::FanOut { monitors: b, in_flight: d }) => {
                a != b && c == d
            }
            (Case::Etcd(EtcdCase::Contend { clients: a }), Case::Etcd(EtcdCase::Contend { clients: b })) => {
                a != b
            }
            _ => false,
        }
    }

    /// Connections of this case that the process must be able to hold.
    pub fn connections(self, sizes: &Sizes) -> u64 {
        let drivers = sizes.connections() as u64;
        match self {
            Case::Plain { .. } => drivers,
            Case::Memory { .. } => 1,
            Case::Publish { subscribers, publishers, .. } => subscribers.saturating_add(publishers),
            Case::FanOut { monitors, .. } => monitors.saturating_add(1),
            Case::Spread { keys, monitors, .. } => keys.saturating_mul(monitors).saturating_add(1),
            Case::Idle { connections } => connections,
            Case::Ekg { monitors } => monitors.saturating_add(drivers),
            Case::Groups { members, watchers } => members.saturating_add(watchers).saturating_add(3),
            Case::Register { sockets } => sockets.saturating_add(drivers),
            Case::Etcd(case) => case.connections(),
            Case::Etcd2(case) => case.connections(),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Plain { command, keys, pipeline, door } => {
                let lines = if *door == Door::Line { " as lines" } else { "" };
                write!(f, "{}{lines}, {} keys, pipeline {pipeline}", command.name(), Grouped(*keys))
            }
            Case::Publish { subscribers, publishers, in_flight } => {
                let by = if *publishers > 1 { format!(" by {publishers}") } else { String::new() };
                write!(f, "publish{by} to {}, ", Grouped(*subscribers))?;
                match in_flight {
                    Some(in_flight) => write!(f, "{in_flight} in flight"),
                    None => f.write_str("answers awaited"),
                }
            }
            Case::Memory { holding, keys } => {
                let what = match holding {
                    Holding::String => "strings",
                    Holding::Hash => "hashes of 10",
                    Holding::SortedSet => "sorted sets of 100",
                };
                write!(f, "memory of {} {what}", Grouped(*keys))
            }
            Case::FanOut { monitors, in_flight } => {
                write!(f, "fan-out to {}, {in_flight} in flight", Grouped(*monitors))
            }
            Case::Spread { keys, monitors, in_flight } => {
                write!(f, "spread over {} keys × {monitors}, {in_flight} in flight", Grouped(*keys))
            }
            Case::Idle { connections } => write!(f, "idle, {} connections", Grouped(*connections)),
            Case::Ekg { monitors } => write!(f, "ekg churn, {} monitors", Grouped(*monitors)),
            Case::Groups { members, watchers } => {
                write!(f, "group of {}, {} watch", Grouped(*members), Grouped(*watchers))
            }
            Case::Register { sockets } => write!(f, "{} registered sockets", Grouped(*sockets)),
            Case::Etcd(case) => case.fmt(f),
            Case::Etcd2(case) => case.fmt(f),
        }
    }
}

/// A number with its thousands set apart.
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Grouped(number).to_string(), text);
        }
    }

    #[test]
    fn only_another_size_of_the_same_load_is_compared() {
        let fan_out = |monitors, in_flight| Case::FanOut { monitors, in_flight };
        let plain = |command, keys, pipeline| Case::Plain { command, keys, pipeline, door: Door::Resp };
        assert!(fan_out(10, 64).is_resized(fan_out(10_000, 64)));
        assert!(!fan_out(10, 1).is_resized(fan_out(10_000, 64)));
        assert!(plain(Plain::Get, 1, 16).is_resized(plain(Plain::Get, 2, 16)));
        assert!(!plain(Plain::Get, 1, 16).is_resized(plain(Plain::Set, 2, 16)));
        assert!(!plain(Plain::Get, 1, 16).is_resized(plain(Plain::Get, 1, 64)));
    }

    #[test]
    fn several_pipelines_are_several_cases() {
        let mut sizes = Sizes {
            door: Door::Resp,
            keys: None,
            monitors: None,
            in_flight: vec![1, 64],
            connections: None,
            pipelines: Vec::new(),
            value_bytes: None,
            requests: None,
            time: Duration::from_secs(1),
            threads: 1,
        };
        let names = |workload: Workload, sizes: &Sizes| {
            workload.cases(sizes).iter().map(Case::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Workload::Get, &sizes),
            [1, 16, 64].map(|pipeline| format!("get, 1,000,000 keys, pipeline {pipeline}"))
        );
        assert_eq!(names(Workload::Zrange, &sizes), ["zrange of 100, 10,000 keys, pipeline 16"]);
        assert_eq!(
            names(Workload::Publish, &sizes),
            [
                "publish to 1,000, answers awaited",
                "publish by 10 to 1,000, answers awaited",
                "publish to 1,000, 1 in flight",
                "publish to 1,000, 64 in flight",
                "publish by 10 to 1,000, 64 in flight"
            ]
        );
        assert_eq!(
            names(Workload::EtcdPut, &sizes),
            ["etcd put, 1 client", "etcd put, 16 clients", "etcd put, 256 clients"]
        );
        assert_eq!(names(Workload::Etcd, &sizes).len(), 3 * 3 + 4 + 2 + 2 + 1);
        assert_eq!(
            names(Workload::Etcd2Cas, &sizes),
            ["etcd v2 cas, 1 client", "etcd v2 cas, 16 clients", "etcd v2 cas, 128 clients"]
        );
        assert_eq!(names(Workload::Etcd2, &sizes).len(), 3 * 3 + 1);
        sizes.pipelines = vec![8];
        sizes.door = Door::Line;
        assert_eq!(names(Workload::Get, &sizes), ["get as lines, 100,000 keys, pipeline 8"]);
    }
}
