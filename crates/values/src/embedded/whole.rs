//! How a command sees the whole key space: shard by shard, each locked for as long as it is looked
//! at, unless a transaction holds them all.

use super::SHARDS;
use super::keyspace::{Held, HeldShards, Keyspace};
use super::shard::Shard;

/// How many timers are looked at before others are let in between.
const LOOKS_AT_ONCE: usize = 1024;

impl Keyspace<'_> {
    /// Runs `look` while a shard is locked. Only for commands that name no keys.
    pub(super) fn visit<R>(&mut self, number: usize, look: impl FnOnce(&mut Self) -> R) -> R {
        if self.holds_all() {
            return look(self);
        }
        self.held = Held::Several(HeldShards::from_iter([(number, self.engine.shards[number].lock())]));
        let seen = look(self);
        self.held = Held::Several(HeldShards::new());
        seen
    }

    /// Runs `look` on a shard once the keys past their time are gone from it.
    pub(super) fn visit_unexpired<R>(&mut self, number: usize, mut look: impl FnMut(&Shard) -> R) -> R {
        loop {
            let seen = self.visit(number, |keys| {
                let (engine, now) = (keys.engine, keys.now_ms);
                let shard = keys.shard(number);
                let emitted = engine.expire_in(shard, now, LOOKS_AT_ONCE);
                let seen = shard.next_deadline().is_none_or(|next| next > now).then(|| look(shard));
                keys.emitted |= emitted;
                seen
            });
            if let Some(seen) = seen {
                return seen;
            }
        }
    }

    /// A shard that is being visited.
    pub(super) fn shard(&mut self, number: usize) -> &mut Shard {
        match &mut self.held {
            Held::One { shard, .. } => shard,
            Held::Several(shards) => {
                let at = shards.partition_point(|(held, _)| *held < number);
                &mut shards[at].1
            }
        }
    }

    fn holds_all(&self) -> bool {
        matches!(&self.held, Held::Several(shards) if shards.len() == SHARDS)
    }
}
