//! What is measured: workloads, and their numbers.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

/// A kind of load, as named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Read random keys
    Get,
    /// Write random keys
    Set,
    /// Change one key that many monitor
    FanOut,
    /// Change many keys that a few monitor each
    Spread,
    /// Hold many subscribed connections that nothing is sent to
    Idle,
    /// Come and go in an EKG that some monitor
    Ekg,
    /// Get and set at few and at many keys, deliver to few and to many monitors
    Scale,
}

/// The numbers that a user may set; each workload has its own defaults.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Keys in all.
    pub keys: Option<u64>,
    /// Monitors of a key; for `idle`, connections.
    pub monitors: Option<u64>,
    /// Changes under way at one time, where there are monitors.
    pub in_flight: Vec<u64>,
    /// Connections that send requests.
    pub connections: usize,
    /// Requests that a connection sends at once.
    pub pipeline: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Requests in all.
    pub requests: Option<u64>,
    /// Longest measurement.
    pub time: Duration,
    /// Threads that send requests.
    pub threads: usize,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// See [`Workload::Get`].
    Get { keys: u64 },
    /// See [`Workload::Set`].
    Set { keys: u64 },
    /// See [`Workload::FanOut`].
    FanOut { monitors: u64, in_flight: u64 },
    /// See [`Workload::Spread`].
    Spread { keys: u64, monitors: u64, in_flight: u64 },
    /// See [`Workload::Idle`].
    Idle { connections: u64 },
    /// See [`Workload::Ekg`].
    Ekg { monitors: u64 },
}

impl Workload {
    /// What is measured by default: everything but `scale`, which takes long.
    pub const DEFAULT: [Workload; 6] =
        [Workload::Get, Workload::Set, Workload::FanOut, Workload::Spread, Workload::Idle, Workload::Ekg];

    /// The cases of the workload at these sizes.
    pub fn cases(self, sizes: &Sizes) -> Vec<Case> {
        let keys = sizes.keys.unwrap_or(100_000);
        let monitors = |default| sizes.monitors.unwrap_or(default);
        let windows = sizes.in_flight.iter().copied();
        match self {
            Workload::Get => vec![Case::Get { keys }],
            Workload::Set => vec![Case::Set { keys }],
            Workload::FanOut => {
                windows.map(|in_flight| Case::FanOut { monitors: monitors(1000), in_flight }).collect()
            }
            Workload::Spread => {
                let (keys, monitors) = (sizes.keys.unwrap_or(500), monitors(4));
                windows.map(|in_flight| Case::Spread { keys, monitors, in_flight }).collect()
            }
            Workload::Idle => vec![Case::Idle { connections: monitors(10_000) }],
            Workload::Ekg => vec![Case::Ekg { monitors: monitors(10) }],
            Workload::Scale => {
                let in_flight = windows.max().unwrap_or(1);
                let (few, many) = (1_000, sizes.keys.unwrap_or(1_000_000));
                let fan_out = |monitors| Case::FanOut { monitors, in_flight };
                vec![
                    Case::Get { keys: few },
                    Case::Get { keys: many },
                    Case::Set { keys: few },
                    Case::Set { keys: many },
                    fan_out(10),
                    fan_out(monitors(10_000)),
                ]
            }
        }
    }
}

impl Case {
    /// How many operations are counted: deliveries where there are any, requests otherwise.
    pub fn counts_deliveries(self) -> bool {
        matches!(self, Case::FanOut { .. } | Case::Spread { .. })
    }

    /// Whether `other` is the same load at another size.
    pub fn is_resized(self, other: Case) -> bool {
        match (self, other) {
            (Case::Get { keys: a }, Case::Get { keys: b })
            | (Case::Set { keys: a }, Case::Set { keys: b }) => a != b,
            (Case::FanOut { monitors: a, in_flight: c }, Case::FanOut { monitors: b, in_flight: d }) => {
                a != b && c == d
            }
            _ => false,
        }
    }

    /// Connections of this case that the process must be able to hold.
    pub fn connections(self, sizes: &Sizes) -> u64 {
        let drivers = sizes.connections as u64;
        match self {
            Case::Get { .. } | Case::Set { .. } => drivers,
            Case::FanOut { monitors, .. } => monitors.saturating_add(1),
            Case::Spread { keys, monitors, .. } => keys.saturating_mul(monitors).saturating_add(1),
            Case::Idle { connections } => connections,
            Case::Ekg { monitors } => monitors.saturating_add(drivers),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Get { keys } => write!(f, "get, {} keys", Grouped(*keys)),
            Case::Set { keys } => write!(f, "set, {} keys", Grouped(*keys)),
            Case::FanOut { monitors, in_flight } => {
                write!(f, "fan-out to {}, {in_flight} in flight", Grouped(*monitors))
            }
            Case::Spread { keys, monitors, in_flight } => {
                write!(f, "spread over {} keys × {monitors}, {in_flight} in flight", Grouped(*keys))
            }
            Case::Idle { connections } => write!(f, "idle, {} connections", Grouped(*connections)),
            Case::Ekg { monitors } => write!(f, "ekg churn, {} monitors", Grouped(*monitors)),
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
        assert!(fan_out(10, 64).is_resized(fan_out(10_000, 64)));
        assert!(!fan_out(10, 1).is_resized(fan_out(10_000, 64)));
        assert!(!Case::Get { keys: 1 }.is_resized(Case::Set { keys: 2 }));
        assert!(!Case::Get { keys: 1 }.is_resized(Case::Get { keys: 1 }));
    }
}
