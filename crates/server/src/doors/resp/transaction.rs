//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.

use super::commands::{Entry, number_of};
use super::dialogue::{Conversation, Flow, check_key};
use super::waiting::Pending;
use futures_util::future::BoxFuture;
use hyrax_types::{SteppedClock, limits};
use hyrax_values::{Call, Calls, Command, Error, Reply, ReplySink, Transaction, Watch, Watched};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

/// Redis' refusal of what cannot be part of a transaction.
pub const NOT_IN_TRANSACTION: Error = Error::text("ERR Command not allowed inside a transaction");

const ABORTED: Error = Error::text("EXECABORT Transaction discarded because of previous errors.");

/// As [`Error::OutOfMemory`], of a whole transaction.
const OUT_OF_MEMORY: Error = Error::text(
    "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
);

/// A command that waits for `EXEC`.
struct Queued {
    kind: Kind,
    bytes: Box<[u8]>,
    /// Where each word ends in `bytes`.
    ends: Box<[usize]>,
}

/// Whose command it is.
#[derive(Clone, Copy)]
enum Kind {
    Engine(&'static Command),
    Door(&'static Entry),
}

impl Kind {
    /// The command's place among the metrics' names.
    fn number(self, argv: &[&[u8]]) -> usize {
        match self {
            Kind::Engine(command) => number_of(command, argv),
            Kind::Door(entry) => entry.number(argv),
        }
    }
}

impl Queued {
    fn new(kind: Kind, argv: &[&[u8]]) -> Self {
        let mut end = 0;
        let ends = argv.iter().map(|word| {
            end += word.len();
            end
        });
        let ends = ends.collect();
        Queued { kind, bytes: argv.concat().into(), ends }
    }

    fn argv(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let word = |&end: &usize| &self.bytes[std::mem::replace(&mut start, end)..end];
        self.ends.iter().map(word).collect()
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>() + size_of::<Self>()
    }
}

/// Keys that must not change before `EXEC`.
#[derive(Default)]
pub struct WatchedKeys {
    keys: Vec<Watched>,
    /// Their names, each once.
    names: HashSet<Box<[u8]>>,
    /// How long the names are together.
    bytes: usize,
}

/// The commands of a transaction.
#[derive(Default)]
pub struct Queue {
    commands: Vec<Queued>,
    bytes: usize,
    /// One was refused, so that none is run.
    is_spoilt: bool,
}

impl Queue {
    /// Notes that a command was refused.
    pub fn spoil(&mut self) {
        self.is_spoilt = true;
        self.commands = Vec::new();
    }

    /// Whether a command among them can make the data larger.
    fn grows(&self) -> bool {
        self.commands.iter().any(|queued| matches!(queued.kind, Kind::Engine(command) if command.grows))
    }

    /// Whether a command among them reaches others, and so is held by a pause of writes.
    pub fn may_replicate(&self) -> bool {
        self.commands.iter().any(|queued| match queued.kind {
            Kind::Engine(command) => command.may_replicate(),
            Kind::Door(entry) => entry.may_replicate(),
        })
    }
}

/// `MULTI`.
pub fn multi(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    if conversation.queue.is_some() {
        return Err(Error::text("ERR MULTI calls can not be nested"));
    }
    conversation.queue = Some(Box::default());
    conversation.session.card.queued.store(1, Relaxed);
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

/// `DISCARD`.
pub fn discard(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    if conversation.queue.is_none() {
        return Err(Error::text("ERR DISCARD without MULTI"));
    }
    conversation.leave_transaction();
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

/// `WATCH key [key …]`.
pub fn watch(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    if conversation.queue.is_some() {
        return Err(Error::text("ERR WATCH inside MULTI is not allowed"));
    }
    argv[1..].iter().try_for_each(|key| check_key(key))?;
    let core = conversation.session.core.clone();
    let room = core.limits.load().monitors_per_session;
    let watched = conversation.watched.get_or_insert_default();
    let mut keys = argv[1..].iter();
    while let Some(key) = keys.next() {
        if watched.names.contains(*key) {
            continue;
        }
        if watched.keys.len() >= room {
            return Err(Error::Other(format!("ERR a connection may watch {room} keys").into()));
        }
        if watched.bytes + key.len() > limits::MONITORED_KEY_BYTES_PER_SESSION_MAX {
            return Err(Error::text("ERR the keys that this connection watches are too long together"));
        }
        watched.bytes += key.len();
        watched.names.insert((*key).into());
        match core.values.watch(key, &watched.keys) {
            Watch::Begun(begun) => watched.keys.push(begun),
            Watch::Later(later) => {
                let rest = keys.map(|key| Box::from(*key)).collect();
                return Ok(watch_later(later, rest));
            }
        }
    }
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

/// Answers once a key is under watch, and then the rest of them are.
fn watch_later(first: BoxFuture<'static, Watched>, rest: Vec<Box<[u8]>>) -> Flow {
    let number = super::commands::lookup(b"watch").map_or(0, |entry| entry.number(&[b"watch"]));
    Flow::Pending(Pending::Slow(
        number,
        Box::new(move |conversation, out| {
            Box::pin(async move {
                let begun = first.await;
                conversation.watched.get_or_insert_default().keys.push(begun);
                let words: Vec<&[u8]> =
                    [&b"watch"[..]].into_iter().chain(rest.iter().map(|key| &**key)).collect();
                if rest.is_empty() {
                    conversation.reply(out).status("OK");
                    return Ok(());
                }
                match watch(conversation, &words, out)? {
                    Flow::Pending(pending) => Box::pin(pending.finish(conversation, out)).await,
                    Flow::Done | Flow::Close => {}
                }
                Ok(())
            })
        }),
    ))
}

/// `UNWATCH`.
pub fn unwatch(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    conversation.watched = None;
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

/// `EXEC`.
pub fn exec(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let Some(queue) = conversation.queue.take() else {
        return Err(Error::text("ERR EXEC without MULTI"));
    };
    let watched = conversation.watched.take().unwrap_or_default();
    conversation.leave_transaction();
    if queue.is_spoilt {
        return Err(ABORTED);
    }
    let values = conversation.session.core.values.clone();
    if queue.grows() && values.is_out_of_memory() {
        return Err(OUT_OF_MEMORY);
    }
    let argvs: Vec<Vec<&[u8]>> = queue.commands.iter().map(Queued::argv).collect();
    let calls: Vec<Call<'_>> = engine_calls(&queue.commands, &argvs);
    let mut execution = Execution::new(out.len());
    conversation.is_executing = true;
    conversation.session.hold_messages();
    let outcome = SteppedClock::hold(conversation.session.now_us(), || {
        values.transaction(&watched.keys, &calls, &mut |calls| {
            execution.run(conversation, &queue.commands, &argvs, calls, out);
        })
    });
    let flow = match outcome {
        Transaction::Done => execution.complete(conversation, &queue.commands, &argvs, out),
        Transaction::Aborted => {
            conversation.reply(out).null_array();
            Flow::Done
        }
        Transaction::Later(replies) => Flow::Pending(Pending::Transaction(queue, replies)),
    };
    conversation.is_executing = false;
    Ok(flow)
}

/// The calls among the commands that are the engine's.
fn engine_calls<'q>(commands: &[Queued], argvs: &'q [Vec<&'q [u8]>]) -> Vec<Call<'q>> {
    let of_engine = |(queued, argv): (&Queued, &'q Vec<&'q [u8]>)| match queued.kind {
        Kind::Engine(command) => Some(Call { command, argv, actor: None, quiet: false }),
        Kind::Door(_) => None,
    };
    commands.iter().zip(argvs).filter_map(of_engine).collect()
}

/// A transaction that is being run.
struct Execution {
    /// Where its reply begins.
    start: usize,
    /// Commands that ask the engine something on their own, which must not be while it runs the step: where
    /// their replies go.
    left: Vec<(usize, usize)>,
    closes: bool,
}

impl Execution {
    fn new(start: usize) -> Self {
        Execution { start, left: Vec::new(), closes: false }
    }

    /// Runs the commands, as one step.
    fn run(
        &mut self,
        conversation: &mut Conversation,
        commands: &[Queued],
        argvs: &[Vec<&[u8]>],
        calls: &mut dyn Calls,
        out: &mut Vec<u8>,
    ) {
        conversation.reply(out).array(commands.len());
        let mut call = 0;
        for (position, (queued, argv)) in commands.iter().zip(argvs).enumerate() {
            match queued.kind {
                Kind::Engine(command) => {
                    conversation.show_to_onlookers(None, argv);
                    conversation.remember_reads(command, argv);
                    let mut reply = conversation.reply(out);
                    calls.run(call, &mut reply);
                    let start = reply.start();
                    let succeeded = reply.finish();
                    if !succeeded {
                        conversation.count_error(&out[start..]);
                    }
                    conversation.end_command(number_of(command, argv), succeeded, argv);
                    call += 1;
                }
                Kind::Door(entry) if entry.asks_engine() => self.left.push((position, out.len())),
                Kind::Door(entry) => self.run_door(conversation, entry, argv, out),
            }
        }
    }

    fn run_door(
        &mut self,
        conversation: &mut Conversation,
        entry: &'static Entry,
        argv: &[&[u8]],
        out: &mut Vec<u8>,
    ) {
        conversation.show_to_onlookers(Some(entry), argv);
        let start = out.len();
        match conversation.answer_otherwise(argv, out) {
            Flow::Done => {}
            Flow::Close => self.closes = true,
            // None does while `is_executing`; if one did, its reply would be missing.
            Flow::Pending(_) => {
                out.truncate(start);
                conversation.refuse(&NOT_IN_TRANSACTION, out);
            }
        }
    }

    /// Runs the commands that were left for after the step, and puts their replies in their places.
    fn complete(
        mut self,
        conversation: &mut Conversation,
        commands: &[Queued],
        argvs: &[Vec<&[u8]>],
        out: &mut Vec<u8>,
    ) -> Flow {
        let left = std::mem::take(&mut self.left);
        if !left.is_empty() {
            let written = out.split_off(self.start);
            let mut copied = 0;
            for (position, at) in left {
                out.extend_from_slice(&written[copied..at - self.start]);
                copied = at - self.start;
                if let Kind::Door(entry) = commands[position].kind {
                    self.run_door(conversation, entry, &argvs[position], out);
                }
            }
            out.extend_from_slice(&written[copied..]);
        }
        if self.closes { Flow::Close } else { Flow::Done }
    }
}

/// Writes the replies of a transaction that an engine ran elsewhere; its other commands are run now.
pub fn write_later(
    conversation: &mut Conversation,
    queue: &Queue,
    replies: Option<Vec<Reply>>,
    out: &mut Vec<u8>,
) {
    let Some(replies) = replies else { return conversation.reply(out).null_array() };
    let mut replies = replies.into_iter();
    let mut execution = Execution::new(out.len());
    conversation.is_executing = true;
    conversation.reply(out).array(queue.commands.len());
    for queued in &queue.commands {
        match queued.kind {
            Kind::Engine(_) => replies.next().unwrap_or(Reply::Null).write(&mut conversation.reply(out)),
            Kind::Door(entry) => execution.run_door(conversation, entry, &queued.argv(), out),
        }
    }
    conversation.is_executing = false;
}

impl Conversation {
    /// Ends a transaction, if there is one, without running it; no key is watched any more.
    pub fn leave_transaction(&mut self) {
        self.queue = None;
        self.watched = None;
        self.session.card.queued.store(0, Relaxed);
        self.session.card.queued_bytes.store(0, Relaxed);
    }

    /// Gives up a transaction whose `EXEC` itself is refused, with this error.
    pub fn abort_because(&mut self, error: &Error) -> Error {
        self.leave_transaction();
        let text = error.to_string();
        let why = text.strip_prefix("ERR ").unwrap_or(&text);
        Error::Other(format!("EXECABORT Transaction discarded because of: {why}").into())
    }

    /// Keeps a command for `EXEC`.
    pub fn queue_up(
        &mut self,
        command: Option<&'static Command>,
        entry: Option<&'static Entry>,
        argv: &[&[u8]],
        out: &mut Vec<u8>,
    ) {
        let bytes_max = self.command_bytes_max();
        let (Some(queue), Some(kind)) =
            (&mut self.queue, command.map(Kind::Engine).or(entry.map(Kind::Door)))
        else {
            return;
        };
        let number = kind.number(argv);
        // What is not run need not be kept.
        if !queue.is_spoilt {
            let queued = Queued::new(kind, argv);
            queue.bytes += queued.size();
            if queue.bytes > bytes_max {
                return self.refuse(&Error::text("ERR the transaction is too large"), out);
            }
            queue.commands.push(queued);
            self.session.card.queued.store(queue.commands.len() + 1, Relaxed);
            self.session.card.queued_bytes.store(queue.bytes, Relaxed);
            self.session.card.command.store(number, Relaxed);
        }
        self.reply(out).status("QUEUED");
    }
}
