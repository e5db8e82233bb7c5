//! What one client says and is answered.
//!
//! Almost every command is one that the engine answers at once: that way is short, waits for nothing and
//! allocates nothing. All else is found in the door's own table ([`super::commands`]).

use super::client::tracking::ClientTracking;
use super::commands::{self, Entry};
use super::encode::{Protocol, RespSink, write_error};
use super::gather::{self, Batch, End};
use super::monitor::redacted;
use super::owed::Owed;
use super::parse::{Bounds, Parser};
use super::transaction::{NOT_IN_TRANSACTION, Queue, WatchedKeys};
use super::waiting::Pending;
use crate::core::Core;
use crate::doors::carrier::{Dialogue, Stop};
use crate::hub::Outbox;
use crate::session::Session;
use crate::slow_log::shortened;
use hyrax_types::{SteppedClock, is_reserved, limits};
use hyrax_values::command::Name;
use hyrax_values::{Call, Command, Error, Execution, ReplySink, command};
use std::sync::atomic::Ordering::Relaxed;

/// Replies gathered before they are written.
const REPLIES_MAX: usize = 64 * 1024;

/// What became of a command.
pub enum Flow {
    /// The answer has been written.
    Done,
    /// It has to be waited for.
    Pending(Pending),
    /// The connection is to be closed.
    Close,
}

/// Whether replies are wanted (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    /// They are.
    #[default]
    On,
    /// They are not.
    Off,
    /// That of the next command is not.
    SkipNext,
    /// That of the command that is being run is not.
    SkipThis,
}

/// What a client may do, as of the beginning of its turn.
#[derive(Clone, Copy, Debug, Default)]
struct Rights {
    reads: bool,
    writes: bool,
}

/// One client's side of the RESP door.
pub struct Conversation {
    /// What the client owns.
    pub session: Session,
    /// The version of the protocol that it speaks.
    pub protocol: Protocol,
    /// Whether it wants replies.
    pub replies: Replies,
    /// Commands that wait for `EXEC`.
    pub queue: Option<Box<Queue>>,
    /// Keys that must not change before `EXEC`.
    pub watched: Option<Box<WatchedKeys>>,
    /// How it is told that copies it keeps are stale, if it keeps any.
    pub tracking: Option<Box<ClientTracking>>,
    /// Whether what it asks for is run by `EXEC`, and so must not wait.
    pub is_executing: bool,
    /// Bytes of the commands among which it is answered now.
    pub turn_bytes: usize,
    parser: Parser,
    rights: Rights,
    /// Nothing stands between a command and the engine: no transaction, no subscription, nobody who looks on.
    is_plain: bool,
}

impl Conversation {
    /// A client that has said nothing yet.
    pub fn new(session: Session) -> Self {
        session.card.protocol.store(Protocol::default().number().into(), Relaxed);
        Conversation {
            session,
            protocol: Protocol::default(),
            replies: Replies::default(),
            queue: None,
            watched: None,
            tracking: None,
            is_executing: false,
            turn_bytes: 0,
            parser: Parser::default(),
            rights: Rights::default(),
            is_plain: false,
        }
    }

    /// Looks anew at what the client may do, and at what stands between it and the engine.
    fn look_around(&mut self) {
        let authorizer = &self.session.core.authorizer;
        let is_known = self.session.identity.may_write();
        self.rights = Rights {
            reads: is_known || authorizer.anyone_may_read(),
            writes: is_known || !authorizer.is_on(),
        };
        self.is_plain = self.queue.is_none()
            && self.replies == Replies::On
            && self.tracking.is_none()
            && !self.session.hears_pushes()
            && !self.session.core.onlookers.any()
            && !self.session.core.pause.is_on();
    }

    /// Whether the client may only change what it is subscribed to: a push in RESP2 looks like a reply.
    fn is_limited_to_subscriptions(&self) -> bool {
        self.protocol == Protocol::Resp2 && self.session.hears_pushes()
    }

    /// How much the client may send.
    fn bounds(&self) -> Bounds {
        let bulk_max = self.session.core.limits.load().proto_max_bulk_len;
        match (self.rights.reads, self.rights.writes) {
            (false, _) => Bounds::unauthenticated(bulk_max),
            (true, false) => Bounds::reading(bulk_max),
            (true, true) => Bounds::up_to(bulk_max),
        }
    }

    /// How many bytes a command may have before it is whole, and those of a transaction together.
    pub fn command_bytes_max(&self) -> usize {
        if self.rights.writes {
            limits::RESP_COMMAND_BYTES_MAX
        } else {
            limits::RESP_READER_COMMAND_BYTES_MAX
        }
    }

    /// Answers commands for as long as one client's turn takes.
    fn take_turn(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop<Pending>) {
        self.session.begin_command();
        self.turn_bytes = data.len();
        self.look_around();
        let turn_ends_us = self.session.now_us() + limits::TURN_MAX.as_micros() as u64;
        let mut used = 0;
        loop {
            let bounds = self.bounds();
            // What follows a login is measured by what it allowed.
            let commands_max = if self.rights.writes { usize::MAX } else { 1 };
            let batch = Batch::gather(&mut self.parser, &data[used..], &bounds, commands_max);
            batch.prefetch(&*self.session.core.values);
            let (mut done, mut owed) = (0, Owed::default());
            for (command, argv, end) in batch.commands() {
                if !owed.is_empty() && (owed.is_full() || !Owed::may_follow(command)) {
                    return self.stop(used, done, done, Stop::Pending(owed.pending()));
                }
                let start = out.len();
                match self.answer_in_turn(command, argv, turn_ends_us, out) {
                    Some(Stop::Pending(Pending::Later(number, reply))) if self.is_plain => {
                        owed.later(number, reply);
                    }
                    Some(stop) if owed.is_empty() => return self.stop(used, done, end, stop),
                    answered => {
                        owed.written(start, out);
                        if answered.is_some() {
                            return self.stop(used, end, end, Stop::Pending(owed.pending()));
                        }
                    }
                }
                done = end;
            }
            if !owed.is_empty() {
                return self.stop(used, done, done, Stop::Pending(owed.pending()));
            }
            if let Some((argv, end)) = batch.inline() {
                let command = gather::lookup(&argv);
                if let Some(stop) = self.answer_in_turn(command, &argv, turn_ends_us, out) {
                    return self.stop(used, done, end, stop);
                }
            }
            used += batch.bytes();
            match batch.end() {
                End::More => {}
                End::Unfinished(needed) if needed > self.command_bytes_max() => {
                    return (data.len(), Stop::Close);
                }
                End::Unfinished(needed) => return (used, Stop::Dry { needed }),
                End::Broken(broken) => {
                    broken.write(out);
                    return (data.len(), Stop::Close);
                }
            }
        }
    }

    /// Stops before all that was read ahead has been answered: after the command that ends at `end`, or
    /// before it if it has to come again.
    fn stop(&mut self, used: usize, done: usize, end: usize, stop: Stop<Pending>) -> (usize, Stop<Pending>) {
        self.parser.forget();
        let comes_again = matches!(stop, Stop::Pending(Pending::Paused));
        (used + if comes_again { done } else { end }, stop)
    }

    /// Answers one command; why the turn ends, if it does.
    #[inline]
    fn answer_in_turn(
        &mut self,
        command: Option<&'static Command>,
        argv: &[&[u8]],
        turn_ends_us: u64,
        out: &mut Vec<u8>,
    ) -> Option<Stop<Pending>> {
        let flow = if self.is_plain {
            self.answer_plainly(command, argv, out)
        } else {
            self.answer_with_care(command, argv, out)
        };
        match flow {
            Flow::Done if out.len() >= REPLIES_MAX || self.session.now_us() > turn_ends_us => {
                Some(Stop::Full)
            }
            Flow::Done => None,
            Flow::Pending(pending) => Some(Stop::Pending(pending)),
            Flow::Close => {
                self.stop_tracking();
                Some(Stop::Close)
            }
        }
    }

    /// Answers a command while nothing stands between the client and the engine.
    #[inline]
    fn answer_plainly(
        &mut self,
        command: Option<&'static Command>,
        argv: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Flow {
        match command {
            Some(command) => self.run_live(command, argv, out),
            None => {
                let flow = self.answer_otherwise(argv, out);
                self.look_around();
                flow
            }
        }
    }

    /// Answers a command where something may stand in between.
    fn answer_with_care(
        &mut self,
        command: Option<&'static Command>,
        argv: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Flow {
        // A subscriber is told of what it publishes itself where it does so.
        self.session.keep_order(out);
        if let Some(tracking) = &self.tracking {
            tracking.tell(out);
        }
        let start = out.len();
        if self.replies == Replies::SkipNext {
            self.replies = Replies::SkipThis;
        }
        let flow = self.answer_carefully(command, argv, out);
        let is_pushed =
            self.replies != Replies::On && commands::lookup(argv[0]).is_some_and(Entry::answers_by_pushes);
        let wanted = if is_pushed { out.len() } else { start };
        if !matches!(flow, Flow::Pending(_)) {
            self.leave_out_unwanted(wanted, out);
        }
        self.tell_what_is_stale(argv, out);
        self.look_around();
        flow
    }

    /// Tells, behind the reply, which copies the client's own command has made stale.
    fn tell_what_is_stale(&mut self, argv: &[&[u8]], out: &mut Vec<u8>) {
        if let Some(tracking) = &mut self.tracking {
            if self.queue.is_none() && !argv[0].eq_ignore_ascii_case(b"client") {
                tracking.command_ended();
            }
            tracking.tell(out);
        }
    }

    fn answer_carefully(
        &mut self,
        command: Option<&'static Command>,
        argv: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Flow {
        let entry = if command.is_some() { None } else { commands::lookup(argv[0]) };
        if commands::is_attack(argv[0]) {
            return self.answer_otherwise(argv, out);
        }
        let executes = entry.is_some_and(Entry::executes);
        if let Err(error) = self.check_context(command, entry, argv) {
            if executes {
                let error = self.abort_because(&error);
                self.write_refusal(&error, out);
            } else {
                self.refuse(&error, out);
            }
            return Flow::Done;
        }
        let changes = match command {
            Some(command) => command.may_replicate(),
            None if executes => self.queue.as_ref().is_some_and(|queue| queue.may_replicate()),
            None => entry.is_some_and(Entry::may_replicate),
        };
        if !self.is_executing && self.session.core.pause.holds(changes) {
            return Flow::Pending(Pending::Paused);
        }
        if self.queue.is_some() && !entry.is_some_and(Entry::ends_queueing) {
            self.queue_up(command, entry, argv, out);
            return Flow::Done;
        }
        let flow = match command {
            Some(command) => self.run_live(command, argv, out),
            None => self.answer_otherwise(argv, out),
        };
        // Afterwards, so that what a transaction ran is shown before the `EXEC` that ran it.
        self.show_to_onlookers(entry, argv);
        flow
    }

    /// Refuses what does not fit where the client is.
    fn check_context(
        &self,
        command: Option<&'static Command>,
        entry: Option<&'static Entry>,
        argv: &[&[u8]],
    ) -> Result<(), Error> {
        match (command, entry) {
            (Some(command), _) => {
                command.check_words(argv)?;
                self.admit(command, argv)?;
            }
            (None, Some(entry)) => {
                let spec = entry.check(argv)?;
                self.admit_to(entry, spec, argv)?;
                if self.queue.is_some() && spec.no_multi {
                    return Err(NOT_IN_TRANSACTION);
                }
            }
            (None, None) => return Err(command::unknown(argv)),
        }
        // A queue takes memory whatever is in it.
        let queues = self.queue.is_some() && !entry.is_some_and(Entry::ends_queueing);
        if queues && self.session.core.values.is_out_of_memory() {
            return Err(Error::OutOfMemory);
        }
        if self.is_limited_to_subscriptions() && !entry.is_some_and(Entry::is_for_subscribers) {
            let name = match (command, entry) {
                (Some(command), _) => command.name,
                (_, Some(entry)) => entry.full_name(argv),
                _ => "",
            };
            return Err(Error::Other(
                format!(
                    "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
                )
                .into(),
            ));
        }
        Ok(())
    }

    /// Runs a command of the engine.
    fn run_live(&mut self, command: &'static Command, argv: &[&[u8]], out: &mut Vec<u8>) -> Flow {
        let mut reply = RespSink::new(out, self.protocol);
        let admitted = command.check_words(argv).and_then(|()| self.admit(command, argv));
        if let Err(error) = admitted {
            reply.error(&error);
        } else {
            let is_remembered = self.remember_reads(command, argv);
            let call = Call { command, argv, actor: None, quiet: false };
            let run = || self.session.core.values.execute(&call, &mut reply);
            match SteppedClock::hold(self.session.now_us(), run) {
                Execution::Done if is_remembered => self.check_reads(command, argv),
                Execution::Done => {}
                Execution::Later(reply) => {
                    return Flow::Pending(Pending::Later(command.id as usize, reply));
                }
                Execution::Waiting(waiting) => {
                    return self.wait(command.id as usize, argv, waiting);
                }
            }
        }
        let start = reply.start();
        let succeeded = reply.finish();
        if !succeeded {
            self.count_error(&out[start..]);
        }
        self.end_command(commands::number_of(command, argv), succeeded, argv);
        Flow::Done
    }

    /// Counts an error that was written.
    pub fn count_error(&self, written: &[u8]) {
        let text = written.strip_prefix(b"-").unwrap_or(written);
        self.session.core.errors.count(&String::from_utf8_lossy(&text[..text.len().min(64)]));
    }

    /// Refuses keys that are too long or Hyrax's own, and who may not do this.
    #[inline]
    fn admit(&self, command: &'static Command, argv: &[&[u8]]) -> Result<(), Error> {
        match command.only_key() {
            Some(position) => check_key(argv[position])?,
            None => command.keys(argv).try_for_each(|found| check_key(found.key))?,
        }
        if matches!(command.id, Name::Flushall | Name::Flushdb) {
            return self.admit_to_flush(command);
        }
        let allowed = if command.writes { self.rights.writes } else { self.rights.reads };
        if !allowed { Err(NO_AUTH) } else { Ok(()) }
    }

    /// All keys at once are for operators, where there are logins.
    fn admit_to_flush(&self, command: &Command) -> Result<(), Error> {
        match (self.rights.writes, self.session.core.authorizer.is_on()) {
            (_, true) if self.session.may_administer() => Ok(()),
            (true, false) => Ok(()),
            (true, true) => Err(commands::no_permission(command.name)),
            (false, _) => Err(NO_AUTH),
        }
    }

    /// Refuses who may not run a command of the door.
    pub fn admit_to(&self, entry: &Entry, spec: &commands::Spec, argv: &[&[u8]]) -> Result<(), Error> {
        let allowed = match entry.needs(argv) {
            commands::Needs::Nothing => spec.no_auth || self.rights.reads,
            commands::Needs::Write => self.rights.writes,
            commands::Needs::Operator if self.session.may_administer() => true,
            commands::Needs::Operator if self.rights.writes => {
                return Err(commands::no_permission(entry.full_name(argv)));
            }
            commands::Needs::Operator => false,
        };
        if allowed { Ok(()) } else { Err(NO_AUTH) }
    }

    /// Answers a command that is not the engine's.
    pub fn answer_otherwise(&mut self, argv: &[&[u8]], out: &mut Vec<u8>) -> Flow {
        if commands::is_attack(argv[0]) {
            tracing::warn!(
                address = %self.session.peer.address,
                "a client sent a line of an HTTP request: maybe a page that wants to reach this server"
            );
            return Flow::Close;
        }
        let Some(entry) = commands::lookup(argv[0]) else {
            self.refuse(&command::unknown(argv), out);
            return Flow::Done;
        };
        let start = out.len();
        let admitted = entry.check(argv).and_then(|spec| self.admit_to(entry, spec, argv));
        let admitted = match admitted {
            Err(error) if entry.executes() => Err(self.abort_because(&error)),
            admitted => admitted,
        };
        let outcome = admitted.and_then(|()| (entry.run)(self, argv, out));
        let succeeded = outcome.is_ok();
        let flow = outcome.unwrap_or_else(|error| {
            out.truncate(start);
            // That `MULTI` is refused within a transaction does not end it.
            self.write_refusal(&error, out);
            Flow::Done
        });
        if !matches!(flow, Flow::Pending(_)) {
            self.end_command(entry.number(argv), succeeded, argv);
        }
        flow
    }

    /// Refuses what cannot be part of a transaction; one in which that occurred is not executed.
    pub fn refuse(&mut self, error: &Error, out: &mut Vec<u8>) {
        if let Some(queue) = &mut self.queue {
            queue.spoil();
        }
        self.write_refusal(error, out);
    }

    fn write_refusal(&self, error: &Error, out: &mut Vec<u8>) {
        let text = error.to_string();
        self.session.core.errors.count(&text);
        write_error(&text, out);
    }

    /// Counts a command that has been answered, and remembers it when it took long.
    pub fn end_command(&mut self, number: usize, succeeded: bool, argv: &[&[u8]]) {
        let took_ns = self.session.end_command(number, succeeded);
        if self.session.core.slow_log.wants(took_ns) {
            self.remember_slow(took_ns, shortened(&redacted(argv)));
        }
    }

    /// Remembers a command that took long.
    pub fn remember_slow(&self, took_ns: u64, words: Vec<Vec<u8>>) {
        let card = &self.session.card;
        let name = card.name().map(Vec::from).unwrap_or_default();
        let at_s = self.session.now_us() / 1_000_000;
        self.session.core.slow_log.add(at_s, took_ns, words, card.peer.address.to_string(), name);
    }

    /// A sink for a reply of the door's own.
    pub fn reply<'o>(&self, out: &'o mut Vec<u8>) -> RespSink<'o> {
        RespSink::new(out, self.protocol)
    }
}

/// What a client is told that has to say who it is.
pub const NO_AUTH: Error = Error::text("NOAUTH Authentication required.");

/// Refuses keys that are too long, or Hyrax's own.
#[inline]
pub fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.len() > limits::KEY_BYTES_MAX {
        return Err(Error::text("ERR a key has at most 65536 bytes"));
    }
    if is_reserved(key) {
        return Err(Error::text("ERR this key is reserved for Hyrax itself"));
    }
    Ok(())
}

impl Dialogue for Conversation {
    type Pending = Pending;

    // Redis says nothing either: what the client waits for is a reply, and this is none.
    const GOODBYE: &'static [u8] = b"";

    fn session(&self) -> &Session {
        &self.session
    }

    fn into_session(self) -> Session {
        self.session
    }

    fn answer(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop<Pending>) {
        let hub = self.session.core.hub.clone();
        if let (Some(_), Ok(outbox)) = (&self.tracking, self.session.outbox()) {
            // What others make stale meanwhile is told behind the replies that it may be in.
            outbox.hold();
        }
        let id = self.session.id;
        hub.together(|| {
            let done = hub.tracking().acting(id, || self.take_turn(data, out));
            self.session.settle_messages();
            done
        })
    }

    fn waits_for_others(pending: &Pending) -> bool {
        pending.waits_for_others()
    }

    async fn finish(&mut self, pending: Pending, out: &mut Vec<u8>) {
        pending.finish(self, out).await;
    }

    fn answer_unfinished(&mut self, _rest: &[u8], _out: &mut Vec<u8>) {}

    async fn reset(core: &Core, outbox: &Outbox) -> bool {
        super::reset::next(core, outbox).await
    }
}
