//! Chosen commands, played on Redis and the embedded engine, where replies alone are compared.

use super::engine::EngineTarget;
use super::target::{RedisTarget, Target};
use crate::peers::Redis;
use crate::resp::{Argv, show};

/// How many commands are played before the replies are compared.
const AT_ONCE: usize = 500;

/// How many differences are shown at most.
const SHOWN: usize = 10;

/// Plays `count` commands from no keys at all, and panics with the first that the engine answers otherwise than
/// Redis. Nothing must be left to chance but the order of a reply's elements.
pub fn engine_agrees(count: usize, mut command: impl FnMut() -> Argv) {
    let redis = Redis::start();
    let (mut redis, mut engine) = (RedisTarget::new(&redis), EngineTarget::new());
    for _ in 0..count.div_ceil(AT_ONCE) {
        let commands: Vec<Argv> = (0..AT_ONCE).map(|_| command()).collect();
        let (expected, answered) = (redis.run_all(&commands), engine.run_all(&commands));
        let differences: Vec<String> = commands
            .iter()
            .zip(expected.iter().zip(&answered))
            .filter(|(_, (expected, answered))| !expected.same_unordered(answered))
            .map(|(command, (expected, answered))| {
                format!("{}\n  redis answers {expected:?}\n  the engine answers {answered:?}", show(command))
            })
            .take(SHOWN)
            .collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
