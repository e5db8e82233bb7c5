//! What answers commands.

use super::rules::waits;
use crate::peers::Redis;
use crate::resp::{Argv, Resp, RespClient, words};

/// Something that answers Redis commands, with RESP3's types of reply.
///
/// There is no way to move its clock: a real Redis has none, so the generated commands do without.
pub trait Target {
    /// Its name in a finding.
    fn name(&self) -> &str;

    /// Runs one command.
    fn run(&mut self, command: &[Vec<u8>]) -> Resp;

    /// Runs commands in order, faster than one by one where it can.
    fn run_all(&mut self, commands: &[Argv]) -> Vec<Resp> {
        commands.iter().map(|command| self.run(command)).collect()
    }

    /// Forgets every key.
    fn reset(&mut self);

    /// Stops counting keys that are past their time, if it ever does; called before all keys are counted.
    fn settle(&mut self) {}
}

/// A server that speaks RESP3: a real Redis, or Hyrax through its RESP door.
#[derive(Debug)]
pub struct RedisTarget {
    name: String,
    client: RespClient,
}

impl RedisTarget {
    /// This Redis.
    pub fn new(redis: &Redis) -> Self {
        RedisTarget::over("redis", redis.client())
    }

    /// Whatever is at the other end of `client`.
    pub fn over(name: &str, client: RespClient) -> Self {
        RedisTarget { name: name.to_owned(), client: client.resp3() }
    }
}

/// Runs a command that would wait as a transaction, in which it does not.
pub fn run_at_once(client: &mut RespClient, command: &[Vec<u8>]) -> Resp {
    let mut replies = client.pipeline(&[words("MULTI"), command.to_vec(), words("EXEC")]);
    let (executed, queued) = (replies.pop(), replies.pop());
    match executed {
        Some(Resp::Array(mut replies)) if replies.len() == 1 => replies.swap_remove(0),
        _ => queued.expect("each command is answered"),
    }
}

impl Target for RedisTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, command: &[Vec<u8>]) -> Resp {
        if waits(command) { run_at_once(&mut self.client, command) } else { self.client.run(command) }
    }

    fn run_all(&mut self, commands: &[Argv]) -> Vec<Resp> {
        self.client.pipeline(commands)
    }

    fn reset(&mut self) {
        let reply = self.client.run(&words("FLUSHALL"));
        assert_eq!(reply, Resp::simple("OK"), "{} does not flush", self.name);
    }

    fn settle(&mut self) {
        // A scan drops the keys past their time that it meets, and this one meets all there can be here.
        self.client.run(&words("SCAN 0 COUNT 1000000"));
    }
}
