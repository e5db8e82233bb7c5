//! What answers commands.

use std::net::SocketAddr;

use super::families::waits;
use crate::peers::Redis;
use crate::resp::{Argv, Resp, RespClient, words};

/// In which form replies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Arrays, bulks, integers: sets and maps are arrays, doubles are bulks.
    Resp2,
    /// Every reply says what it is.
    Resp3,
}

/// Something that answers Redis commands.
///
/// There is no way to move its clock: a real Redis has none, so the generated commands do without.
pub trait Target {
    /// Its name in a finding.
    fn name(&self) -> &str;

    /// In which form its replies come.
    fn protocol(&self) -> Protocol {
        Protocol::Resp3
    }

    /// Runs one command.
    fn run(&mut self, command: &[Vec<u8>]) -> Resp;

    /// Runs commands in order, faster than one by one where it can.
    fn run_all(&mut self, commands: &[Argv]) -> Vec<Resp> {
        commands.iter().map(|command| self.run(command)).collect()
    }

    /// The bytes of the replies to the last commands that were run, where there is a wire between.
    fn wire(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Runs commands that only look at its state, beside whatever the commands so far have left open. The replies
    /// have RESP3's types.
    fn look(&mut self, commands: &[Argv]) -> Vec<Resp> {
        self.run_all(commands)
    }

    /// Forgets every key, and ends what the commands so far have left open.
    fn reset(&mut self);

    /// Stops counting keys that are past their time, if it ever does; called before all keys are counted.
    fn settle(&mut self) {}
}

/// A server behind a RESP door: a real Redis, or Hyrax.
#[derive(Debug)]
pub struct RedisTarget {
    name: String,
    protocol: Protocol,
    /// Gets the commands.
    client: RespClient,
    /// Looks at the state. Another connection, since a transaction may be open on the first.
    looking: RespClient,
    wire: Vec<Vec<u8>>,
}

impl RedisTarget {
    /// This Redis, in RESP3.
    pub fn new(redis: &Redis) -> Self {
        RedisTarget::over("redis", redis.address(), Protocol::Resp3)
    }

    /// The server at `address`.
    pub fn over(name: &str, address: SocketAddr, protocol: Protocol) -> Self {
        let client = RespClient::connect(address);
        let client = if protocol == Protocol::Resp3 { client.resp3() } else { client };
        let looking = RespClient::connect(address).resp3();
        RedisTarget { name: name.to_owned(), protocol, client, looking, wire: Vec::new() }
    }
}

impl Target for RedisTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn run(&mut self, command: &[Vec<u8>]) -> Resp {
        if !waits(command) {
            return self.run_all(&[command.to_vec()]).swap_remove(0);
        }
        // In a transaction nothing waits.
        let mut replies = self.run_all(&[words("MULTI"), command.to_vec(), words("EXEC")]);
        self.wire.drain(..if replies[1].is_error() { 1 } else { 2 });
        match (replies.pop(), replies.pop()) {
            (Some(Resp::Array(mut replies)), _) if replies.len() == 1 => replies.swap_remove(0),
            (_, queued) => queued.expect("each command is answered"),
        }
    }

    fn run_all(&mut self, commands: &[Argv]) -> Vec<Resp> {
        let replies;
        (replies, self.wire) = self.client.pipeline_with_bytes(commands).into_iter().unzip();
        replies
    }

    fn wire(&self) -> &[Vec<u8>] {
        &self.wire
    }

    fn look(&mut self, commands: &[Argv]) -> Vec<Resp> {
        self.looking.pipeline(commands)
    }

    fn reset(&mut self) {
        // An error where no transaction is open.
        self.client.run(&words("DISCARD"));
        self.client.run(&words("UNWATCH"));
        let reply = self.looking.run(&words("FLUSHALL"));
        assert_eq!(reply, Resp::simple("OK"), "{} does not flush", self.name);
    }

    fn settle(&mut self) {
        // A scan drops the keys past their time that it meets, and this one meets all there can be here.
        self.looking.run(&words("SCAN 0 COUNT 1000000"));
    }
}
