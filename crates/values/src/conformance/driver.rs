//! Runs commands on an engine under test and collects what it answers and tells.

use super::text::{in_order, show, words};
use super::{Recorded, TestEngine};
use crate::{
    Call, Calls, Execution, Fence, Fenced, Kind, Reply, Snapshot, Transaction, Watch, Watched, command,
};
use hyrax_types::Revision;
use std::collections::BTreeMap;

/// An engine under test.
pub(super) struct Driver(pub Box<dyn TestEngine>);

/// What keys hold, and when they expire in milliseconds since the epoch (-1 for never).
pub(super) type State = BTreeMap<Vec<u8>, (Reply, i64)>;

impl Driver {
    /// Begins a call that may have to wait. What it answers at once is not kept.
    pub fn begin(&self, argv: &[&[u8]]) -> Execution {
        let command = command::lookup(argv[0]).expect("a command");
        let call = Call { command, argv, actor: None, quiet: false };
        let mut execution = Execution::Done;
        Reply::collect(|sink| execution = self.0.values().execute(&call, sink));
        execution
    }

    /// Puts a key under watch, beside others of the same transaction.
    pub fn watch(&self, key: &[u8], beside: &[Watched]) -> Watched {
        match self.0.values().watch(key, beside) {
            Watch::Begun(watched) => watched,
            Watch::Later(watched) => self.0.wait_for_watch(watched),
        }
    }

    /// Runs calls as one step; nothing, if a watched key has changed.
    pub fn transaction(&self, watched: &[Watched], calls: &[Vec<&[u8]>]) -> Option<Vec<Reply>> {
        let calls: Vec<Call<'_>> = calls
            .iter()
            .map(|argv| {
                let command = command::lookup(argv[0]).expect("a command");
                Call { command, argv, actor: None, quiet: false }
            })
            .collect();
        let mut replies = Vec::new();
        let mut body = |run: &mut dyn Calls| {
            replies.extend((0..calls.len()).map(|call| Reply::collect(|sink| run.run(call, sink))));
        };
        match self.0.values().transaction(watched, &calls, &mut body) {
            Transaction::Done => Some(replies),
            Transaction::Aborted => None,
            Transaction::Later(replies) => self.0.wait_for_transaction(replies),
        }
    }

    /// Runs a call; its changes stay with the recorder.
    pub fn execute(&self, argv: &[&[u8]], actor: Option<&[u8]>, quiet: bool) -> Reply {
        let Some(command) = command::lookup(argv[0]) else { return Reply::Error(command::unknown(argv)) };
        let call = Call { command, argv, actor, quiet };
        let mut later = None;
        let reply = Reply::collect(|sink| match self.0.values().execute(&call, sink) {
            Execution::Done => {}
            Execution::Later(reply) => later = Some(reply),
            Execution::Waiting(waiting) => later = Some(waiting.reply),
        });
        later.map_or(reply, |later| self.0.wait(later))
    }

    /// Runs a command under a lock's token, and shows what it answers.
    pub fn run_fenced(&self, fence: &Fence<'_>, line: &str) -> String {
        let argv = words(line);
        let command = command::lookup(argv[0]).expect("a command");
        let call = Call { command, argv: &argv, actor: None, quiet: false };
        let mut later = None;
        let mut fenced = None;
        let reply = Reply::collect(|sink| match self.0.values().execute_fenced(&call, fence, sink) {
            Ok(Execution::Done) => {}
            Ok(Execution::Later(reply)) => later = Some(reply),
            Ok(Execution::Waiting(waiting)) => later = Some(waiting.reply),
            Err(Fenced) => fenced = Some("fenced".to_owned()),
        });
        fenced.unwrap_or_else(|| show(&later.map_or(reply, |later| self.0.wait(later))))
    }

    /// Runs a command and gives what it told.
    pub fn call(&self, argv: &[&[u8]]) -> (Reply, Vec<Recorded>) {
        let reply = self.execute(argv, None, false);
        (reply, self.changes())
    }

    /// Runs a command given as text.
    pub fn run(&self, line: &str) -> Reply {
        self.execute(&words(line), None, false)
    }

    /// What was told since the last time, all of which must have been let go for delivery.
    pub fn changes(&self) -> Vec<Recorded> {
        self.0.settle();
        assert!(self.0.recorder().is_settled(), "changes were emitted and never settled");
        self.0.recorder().take()
    }

    /// What was told since the last time, as text.
    pub fn changes_shown(&self) -> Vec<String> {
        self.changes().iter().map(ToString::to_string).collect()
    }

    /// The value of a key with its revision.
    pub fn snapshot(&self, key: &[u8], kind: Kind) -> (Reply, Revision) {
        let (mut later, mut joined) = (None, None);
        let reply = Reply::collect(|sink| {
            if let Snapshot::Later(snapshot) =
                self.0.values().snapshot(key, kind, sink, &mut |rev| joined = Some(rev))
            {
                later = Some(snapshot);
            }
        });
        let (reply, rev) = match later {
            Some(later) => self.0.wait_for_snapshot(later),
            None => (reply, joined.expect("a snapshot tells the revision it was taken at")),
        };
        (in_order(reply), rev)
    }

    /// Makes a key hold what a snapshot answered.
    pub fn load(&self, key: &[u8], value: &Reply) {
        self.execute(&[b"del", key], None, false);
        let bytes = |reply: &Reply| match reply {
            Reply::Bulk(bytes) => bytes.clone(),
            other => show(other).into_bytes(),
        };
        let (command, args): (&[u8], Vec<Vec<u8>>) = match value {
            Reply::Bulk(_) => (b"set", vec![bytes(value)]),
            Reply::Array(entries) if entries.iter().all(|entry| matches!(entry, Reply::Array(_))) => {
                return self.load_stream(key, entries);
            }
            Reply::Array(items) => (b"rpush", items.iter().map(bytes).collect()),
            Reply::Set(items) => (b"sadd", items.iter().map(bytes).collect()),
            Reply::Map(pairs) if pairs.iter().any(|(_, score)| matches!(score, Reply::Double(_))) => {
                (b"zadd", pairs.iter().flat_map(|(member, score)| [bytes(score), bytes(member)]).collect())
            }
            Reply::Map(pairs) => {
                (b"hset", pairs.iter().flat_map(|(field, value)| [bytes(field), bytes(value)]).collect())
            }
            _ => return,
        };
        let argv: Vec<&[u8]> = [command, key].into_iter().chain(args.iter().map(Vec::as_slice)).collect();
        if !args.is_empty() {
            self.execute(&argv, None, false);
        }
    }

    /// Makes a stream of these entries, which may be none.
    fn load_stream(&self, key: &[u8], entries: &[Reply]) {
        self.execute(&[b"xgroup", b"create", key, b"g", b"$", b"mkstream"], None, false);
        self.execute(&[b"xgroup", b"destroy", key, b"g"], None, false);
        for entry in entries {
            let Reply::Array(parts) = entry else { continue };
            let [Reply::Bulk(id), Reply::Map(fields)] = &parts[..] else { continue };
            let words = fields.iter().flat_map(|(name, value)| [name, value]).filter_map(|word| match word {
                Reply::Bulk(word) => Some(word.as_slice()),
                _ => None,
            });
            let argv: Vec<&[u8]> = [&b"xadd"[..], key, id].into_iter().chain(words).collect();
            self.execute(&argv, None, false);
        }
    }

    /// What these keys hold.
    pub fn state(&self, keys: &[&str]) -> State {
        let mut state = State::new();
        for key in keys.iter().map(|key| key.as_bytes()) {
            if let Reply::Integer(at @ -1..) = self.execute(&[b"pexpiretime", key], None, false) {
                // Where time does not stand still, when is not the same on two engines.
                let at = if self.0.clock().is_some() { at } else { at.min(0) };
                state.insert(key.to_vec(), (self.snapshot(key, Kind::Any).0, at));
            }
        }
        state
    }

    /// Lets time pass, and everything due expire; engines whose clock cannot be moved stay.
    pub fn pass_ms(&self, ms: u64) {
        if let Some(clock) = self.0.clock() {
            clock.advance_ms(ms);
            self.0.expire();
        }
    }

    /// Lets time pass without the engine being told to remove what is due.
    pub fn wait_ms(&self, ms: u64) {
        match self.0.clock() {
            Some(clock) => clock.advance_ms(ms),
            // Two clocks are never quite the same.
            None => std::thread::sleep(std::time::Duration::from_millis(ms + 5)),
        }
    }
}
