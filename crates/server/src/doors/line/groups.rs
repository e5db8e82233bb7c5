//! Groups in JSON. A connection's seats are left when it ends.

use super::conversation::Problem;
use super::encode::{write_bytes, write_string, write_unsigned};
use super::envelope::Envelope;
use super::live::check_key;
use super::message::Message;
use super::options::Options;
use super::proof;
use super::verbs::Verb;
use crate::groups::{GroupsError, Pushes};
use crate::session::Session;
use hyrax_recipes::group::{Member, lease_ttl};
use hyrax_recipes::{GroupEvent, LeaveCause};
use hyrax_types::limits;

/// What clients are told of groups.
pub const PUSHES: Pushes = Pushes { changed: write_changed, lost: write_lost };

/// `gjoin`, `gleave`, `gmembers`, `gmon`, `gmrem`.
pub async fn run(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let group = message.key.as_deref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
    check_key(group)?;
    let name = text("key", group)?;
    match verb {
        Verb::Gjoin | Verb::Gleave => change(session, verb, message, (group, name), envelope, out).await,
        Verb::Gmembers => {
            proof::check_read(session, message, &message.secrets, group)?;
            let members = session.core.groups.members(name).await.map_err(problem)?;
            envelope.reply(out, |out| write_members(&mut members.iter(), out));
            check_size(out)
        }
        Verb::Gmon => {
            proof::check_read(session, message, &message.secrets, group)?;
            monitor(session, name, envelope, out).await
        }
        _ => {
            let core = session.core.clone();
            core.groups.unwatch(session.id, name);
            envelope.word("OK", out);
            Ok(())
        }
    }
}

async fn change(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    (group, name): (&[u8], &str),
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    let id = message.id.as_deref();
    id.map_or(Ok(()), check_key)?;
    proof::check_presence(session, message, &message.secrets, group, id.unwrap_or_default())?;
    let id = id.map(|id| text("id", id)).transpose()?;
    let core = session.core.clone();
    if verb == Verb::Gleave {
        let left = core.groups.leave(session.id, name, id).await;
        envelope.reply(out, |out| out.extend_from_slice(if left { b"true" } else { b"false" }));
        return Ok(());
    }
    let id = id.ok_or("\"gjoin\" needs \"id\", which tells others who joined")?;
    let options = Options::of(message, "{\"heartbeat\":5,\"subgroups\":[\"eu\"]}")?;
    // Before anything is changed.
    options.heartbeat.map(lease_ttl).transpose().map_err(|bad| bad.to_string())?;
    session.owns_groups();
    let joined = core.groups.join(session.id, name, id, options.subgroups).await.map_err(problem)?;
    if let Some(heartbeat) = options.heartbeat {
        let listening = core.groups.listen(session.card.clone(), name, id, joined, heartbeat);
        session.wait_apart(listening.map_err(|bad| bad.to_string())?);
    }
    envelope.word("OK", out);
    Ok(())
}

async fn monitor(
    session: &mut Session,
    name: &str,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let outbox = session.outbox()?.clone();
    session.owns_groups();
    // What is pushed from here on waits for the answer.
    outbox.hold();
    let core = session.core.clone();
    let read = |members: &mut dyn Iterator<Item = &Member>| {
        envelope.reply(out, |out| write_members(members, out));
    };
    core.groups.watch(session.id, &outbox, name, read).await.map_err(problem)?;
    check_size(out).inspect_err(|_| {
        core.groups.unwatch(session.id, name);
    })
}

fn check_size(out: &[u8]) -> Result<(), Problem> {
    if out.len() <= limits::COMMAND_REPLY_BYTES_MAX {
        return Ok(());
    }
    Err(format!("the group is too large: an answer has at most {} bytes", limits::COMMAND_REPLY_BYTES_MAX)
        .into())
}

fn text<'m>(field: &str, bytes: &'m [u8]) -> Result<&'m str, Problem> {
    std::str::from_utf8(bytes)
        .map_err(|_| format!("\"{field}\" must be text: groups and members have names").into())
}

fn write_members(members: &mut dyn Iterator<Item = &Member>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, member) in members.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_member(member, out);
    }
    out.push(b']');
}

fn write_member(member: &Member, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_string(&member.id, out);
    out.extend_from_slice(b",\"path\":");
    write_bytes(&member.path, out);
    write_facts(member, out);
    out.push(b'}');
}

fn write_facts(member: &Member, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"joined\":");
    write_unsigned(member.joined_ms, out);
    out.extend_from_slice(b",\"subgroups\":");
    super::push::write_list(member.subgroups.iter().map(String::as_bytes), out);
}

fn write_changed(group: &str, event: &GroupEvent, out: &mut Vec<u8>) {
    for (member, cause) in &event.left {
        begin("gleave", group, &member.id, out);
        end_with(*cause, out);
    }
    for member in &event.joined {
        begin("gjoin", group, &member.id, out);
        write_facts(member, out);
        out.extend_from_slice(b"}\n");
    }
}

fn write_lost(group: &str, id: &str, cause: LeaveCause, out: &mut Vec<u8>) {
    begin("glost", group, id, out);
    end_with(cause, out);
}

fn begin(command: &str, group: &str, id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"cmd\":\"");
    out.extend_from_slice(command.as_bytes());
    out.extend_from_slice(b"\",\"key\":");
    write_string(group, out);
    out.extend_from_slice(b",\"id\":");
    write_string(id, out);
}

fn end_with(cause: LeaveCause, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"cause\":\"");
    out.extend_from_slice(cause.word().as_bytes());
    out.extend_from_slice(b"\"}\n");
}

fn problem(error: GroupsError) -> Problem {
    error.to_string().into()
}
