//! How much memory the values may take, and what goes when it is full: what doors set and show.

use std::fmt;
use std::str::FromStr;

/// Who knows how much memory is in use. An engine is given one by its constructor, as it does not know
/// the allocator.
pub trait Memory: Send + Sync + 'static {
    /// Bytes in use in the whole process: values, connections, everything. Asked before each command
    /// that can make the data larger, so it must cost next to nothing, and know of what the asking
    /// thread has just allocated or freed.
    fn used(&self) -> u64;

    /// Called some hundred times a second while there is a limit, and when somebody wants to be shown
    /// what is used: the time to put right what [`Memory::used`] only estimates.
    fn refresh(&self) {}
}

/// Memory that nobody measures: none seems to be used, and no limit is ever reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmeasured;

impl Memory for Unmeasured {
    fn used(&self) -> u64 {
        0
    }
}

/// Which keys go when memory is full. The names are those of Redis' `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// None: commands that need memory are refused.
    #[default]
    NoEviction,
    /// Those used longest ago.
    AllKeysLru,
    /// Any.
    AllKeysRandom,
    /// Of those that expire, the ones used longest ago.
    VolatileLru,
    /// Of those that expire, any.
    VolatileRandom,
    /// Of those that expire, the ones that expire next.
    VolatileTtl,
}

impl EvictionPolicy {
    /// All there are.
    pub const ALL: [EvictionPolicy; 6] = [
        EvictionPolicy::NoEviction,
        EvictionPolicy::AllKeysLru,
        EvictionPolicy::AllKeysRandom,
        EvictionPolicy::VolatileLru,
        EvictionPolicy::VolatileRandom,
        EvictionPolicy::VolatileTtl,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            EvictionPolicy::NoEviction => "noeviction",
            EvictionPolicy::AllKeysLru => "allkeys-lru",
            EvictionPolicy::AllKeysRandom => "allkeys-random",
            EvictionPolicy::VolatileLru => "volatile-lru",
            EvictionPolicy::VolatileRandom => "volatile-random",
            EvictionPolicy::VolatileTtl => "volatile-ttl",
        }
    }

    /// Whether it takes only keys that expire.
    pub fn spares_lasting(self) -> bool {
        matches!(
            self,
            EvictionPolicy::VolatileLru | EvictionPolicy::VolatileRandom | EvictionPolicy::VolatileTtl
        )
    }
}

impl fmt::Display for EvictionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of an eviction policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one of noeviction, allkeys-lru, allkeys-random, volatile-lru, volatile-random, volatile-ttl"
)]
pub struct BadEvictionPolicy;

impl FromStr for EvictionPolicy {
    type Err = BadEvictionPolicy;

    fn from_str(text: &str) -> Result<Self, BadEvictionPolicy> {
        let found = EvictionPolicy::ALL.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(text));
        found.ok_or(BadEvictionPolicy)
    }
}

/// How much memory may be used, and what happens beyond (Redis' `maxmemory` and its companions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes, as [`Memory::used`] counts them; 0 is no limit.
    pub bytes: u64,
    /// Which keys go.
    pub policy: EvictionPolicy,
    /// How many keys are looked at to find one that goes, from 1 to 64: more is nearer to the truth, and slower.
    pub samples: u32,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        MemoryLimit { bytes: 0, policy: EvictionPolicy::default(), samples: 5 }
    }
}

/// What an engine has counted since it started, or since [`crate::Values::reset_statistics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Keys there are, those past their time that nobody met yet included.
    pub keys: u64,
    /// Keys that expire.
    pub expiring: u64,
    /// Keys whose time was over.
    pub expired: u64,
    /// Keys that went because memory was full.
    pub evicted: u64,
    /// Reads of keys that were there.
    pub hits: u64,
    /// Reads of keys that were not.
    pub misses: u64,
    /// Large values that were freed once the locks were let go.
    pub freed_late: u64,
    /// Changes of keys that commands have made since the start, whatever was reset.
    pub changes: u64,
    /// Bytes in use, as [`Memory::used`] counts them; 0 where nobody knows.
    pub used_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_by_the_name_it_prints() {
        for policy in EvictionPolicy::ALL {
            assert_eq!(policy.to_string().to_uppercase().parse(), Ok(policy));
            assert!(BadEvictionPolicy.to_string().contains(policy.name()));
        }
        assert_eq!("allkeys-lfu".parse::<EvictionPolicy>(), Err(BadEvictionPolicy));
    }
}
