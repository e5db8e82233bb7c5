//! Redis' commands in JSON.

use super::conversation::{Problem, write_reply};
use super::encode::JsonSink;
use super::envelope::Envelope;
use super::fence;
use super::message::{Dialect, Message, Word};
use super::proof;
use crate::session::Session;
use futures_util::future::BoxFuture;
use hyrax_types::{DomainKey, SteppedClock, is_reserved, limits};
use hyrax_values::command::Access;
use hyrax_values::{Call, Command, Execution, Fence, Reply, Waiting};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Words of most commands fit without an allocation.
type Argv<'a> = SmallVec<[&'a [u8]; 8]>;

/// What will be a reply.
pub enum OwedReply {
    /// It comes as soon as the engine has it.
    Soon(BoxFuture<'static, Reply>),
    /// It comes when others do something, maybe in hours.
    Waits(Waiting),
}

/// Runs a command and writes its reply; or gives what will be the reply.
pub fn run(
    session: &mut Session,
    command: &'static Command,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<Option<OwedReply>, Problem> {
    with_call(session, command, message, |session, call| execute(session, call, envelope, out))
}

/// The same for one that is only to be run while the lock that it names is held.
pub async fn run_fenced(
    session: &mut Session,
    command: &'static Command,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<Option<OwedReply>, Problem> {
    let Some(named) = &message.fence else { return run(session, command, message, envelope, out) };
    if !command.writes {
        return Err(fence::refusal(command.name));
    }
    // Who may not write is not told how it stands with the lock.
    with_call(session, command, message, |_, _| Ok(()))?;
    fence::guard(session, message).await?;
    // It may be lost by now. Then the engine refuses it, if a later holder has written.
    let fence = Fence { lock: &named.lock, token: named.token };
    with_call(session, command, message, |session, call| execute_fenced(session, call, &fence, envelope, out))
}

fn execute_fenced(
    session: &mut Session,
    call: &Call<'_>,
    fence: &Fence<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<Option<OwedReply>, Problem> {
    let mut outcome = Ok(Execution::Done);
    let reply = SteppedClock::hold(session.now_us(), || {
        Reply::collect(|sink| outcome = session.core.values.execute_fenced(call, fence, sink))
    });
    match outcome.map_err(|fenced| fenced.to_string())? {
        Execution::Done => {
            let succeeded = write_reply(envelope, out, |sink| reply.write(sink));
            session.end_command(call.command.id as usize, succeeded);
            Ok(None)
        }
        Execution::Later(reply) => Ok(Some(OwedReply::Soon(reply))),
        Execution::Waiting(waiting) => Ok(Some(OwedReply::Waits(waiting))),
    }
}

/// Makes the call of a message, if its sender may make it, and hands it on.
fn with_call<R>(
    session: &mut Session,
    command: &'static Command,
    message: &Message<'_>,
    then: impl FnOnce(&mut Session, &Call<'_>) -> Result<R, Problem>,
) -> Result<R, Problem> {
    let item = match message.dialect {
        Dialect::Flat => None,
        Dialect::Domain => Some(message.item().map_err(|bad| bad.to_string())?),
    };
    if item.as_ref().is_some_and(|item| item.domain.is_some() && item.id.is_none()) {
        return Err("\"payload\" has a \"domain\" but no \"id\"".into());
    }
    let (key, args, secrets) = match &item {
        None => (message.key.as_deref().map(Cow::Borrowed), &message.args, &message.secrets),
        Some(item) => {
            (item.id.as_ref().map(|id| flat_key(item.domain.as_ref(), id)), &item.values, &item.secrets)
        }
    };
    let mut argv = Argv::new();
    argv.push(message.name.as_bytes());
    argv.extend(key.as_deref());
    argv.extend(args.iter().map(|word| &**word));
    command.check_words(&argv).map_err(|error| error.to_string())?;
    check_keys(command, &argv)?;
    if command.writes || !session.core.authorizer.anyone_may_read() {
        let reads_too = !session.core.authorizer.anyone_may_read();
        let wanted = |access| access == Access::Write || reads_too;
        let keys = command.keys(&argv).filter(|found| wanted(found.access)).map(|found| found.key);
        proof::check(session, message, secrets, keys)?;
    }
    let call = Call { command, argv: &argv, actor: message.id.as_deref(), quiet: message.quiet };
    then(session, &call)
}

fn execute(
    session: &mut Session,
    call: &Call<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<Option<OwedReply>, Problem> {
    let start = out.len();
    envelope.begin(out);
    let value = out.len();
    let mut sink = JsonSink::new(out);
    let run = || session.core.values.execute(call, &mut sink);
    let owed = match SteppedClock::hold(session.now_us(), run) {
        Execution::Done => None,
        Execution::Later(reply) => Some(OwedReply::Soon(reply)),
        Execution::Waiting(waiting) => Some(OwedReply::Waits(waiting)),
    };
    if owed.is_some() {
        out.truncate(start);
        return Ok(owed);
    }
    let (error, binary_field) = (sink.take_error(), sink.saw_binary_field());
    session.end_command(call.command.id as usize, error.is_none());
    if let Some(error) = error {
        out.truncate(start);
        return Err(error.to_string().into());
    }
    envelope.end(out);
    // Only commands that read answer with maps, so this one can be asked again.
    if binary_field && !call.command.writes {
        out.truncate(value);
        let reply = Reply::collect(|sink| drop(session.core.values.execute(call, sink)));
        out.truncate(start);
        write_reply(envelope, out, |sink| reply.write(sink));
    }
    Ok(None)
}

/// The flat form of a key of the domain dialect.
pub fn flat_key<'a>(domain: Option<&Word<'_>>, id: &'a Word<'_>) -> Cow<'a, [u8]> {
    match domain {
        None => Cow::Borrowed(id),
        Some(domain) => Cow::Owned(DomainKey::flat(Some(domain), id)),
    }
}

/// Refuses keys that are too long, or Hyrax's own.
pub fn check_key(key: &[u8]) -> Result<(), Problem> {
    if key.len() > limits::KEY_BYTES_MAX {
        return Err(format!("a key has at most {} bytes, not {}", limits::KEY_BYTES_MAX, key.len()).into());
    }
    if is_reserved(key) {
        return Err("this key is reserved for Hyrax itself".into());
    }
    Ok(())
}

fn check_keys(command: &Command, argv: &[&[u8]]) -> Result<(), Problem> {
    if let Some(position) = command.only_key() {
        return check_key(argv[position]);
    }
    command.keys(argv).try_for_each(|found| check_key(found.key))
}
