//! EKGs in JSON.

use super::conversation::Problem;
use super::encode::write_integer;
use super::envelope::Envelope;
use super::fence;
use super::live::{check_key, flat_key};
use super::message::{Dialect, Item, Message};
use super::proof;
use super::push::write_list;
use super::verbs::Verb;
use crate::session::Session;
use bytes::Bytes;
use hyrax_recipes::{PresenceError, Scope};

/// `eadd`, `eaddq`, `erem`, `eremq`.
pub async fn change(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    let adds = matches!(verb, Verb::Eadd | Verb::Eaddq);
    let quiet = message.quiet || matches!(verb, Verb::Eaddq | Verb::Eremq);
    match message.dialect {
        Dialect::Flat => {
            change_flat(session, adds, quiet, message).await?;
            envelope.word("OK", out);
        }
        Dialect::Domain => {
            let outcomes = change_named(session, adds, quiet, message).await?;
            envelope.reply(out, |out| write_outcomes(&outcomes, out));
        }
    }
    Ok(())
}

async fn change_flat(
    session: &mut Session,
    adds: bool,
    quiet: bool,
    message: &Message<'_>,
) -> Result<(), Problem> {
    let ekg = flat_ekg(message)?;
    let id = message.id.as_deref();
    proof::check_presence(session, message, &message.secrets, ekg, id.unwrap_or_default())?;
    let core = session.core.clone();
    let presence = &core.presence;
    let guard = fence::guard(session, message).await?;
    let ekg = Bytes::copy_from_slice(ekg);
    if adds {
        let id =
            id.ok_or_else(|| format!("\"{}\" needs \"id\", which tells others who was added", message.name))?;
        check_key(id)?;
        check_room(session)?;
        session.owns_presence();
        presence.add_flat(session.id, ekg, Bytes::copy_from_slice(id), quiet, guard).await.map_err(problem)
    } else {
        id.map_or(Ok(()), check_key)?;
        let id = id.map(Bytes::copy_from_slice);
        presence.remove_flat(session.id, ekg, id, quiet, guard).await.map(drop).map_err(problem)
    }
}

async fn change_named(
    session: &mut Session,
    adds: bool,
    quiet: bool,
    message: &Message<'_>,
) -> Result<Vec<bool>, Problem> {
    let items = message.items().map_err(|bad| bad.to_string())?;
    let mut entries = Vec::with_capacity(items.len());
    // All are checked before the first is changed.
    for item in &items {
        let ekg = named_ekg(message, item)?;
        let name = item
            .name
            .as_deref()
            .ok_or_else(|| format!("\"{}\" needs \"name\" in each element", message.name))?;
        check_key(&ekg)?;
        check_key(name)?;
        proof::check_presence(session, message, &item.secrets, &ekg, name)?;
        entries.push((Bytes::from(ekg), Bytes::copy_from_slice(name)));
    }
    let core = session.core.clone();
    let presence = &core.presence;
    let guard = fence::guard(session, message).await?;
    let mut outcomes = Vec::with_capacity(entries.len());
    for (ekg, name) in entries {
        let changed = if adds {
            check_room(session)?;
            session.owns_presence();
            presence.add_named(session.id, ekg, name, quiet, guard.clone()).await
        } else {
            presence.remove_named(session.id, ekg, name, quiet, guard.clone()).await
        };
        outcomes.push(changed.map_err(problem)?);
    }
    Ok(outcomes)
}

fn check_room(session: &Session) -> Result<(), Problem> {
    let max = session.core.limits.load().ekgs_per_session;
    if session.core.presence.held(session.id) < max {
        return Ok(());
    }
    Err(format!("too many EKG entries: this session may have {max}; remove some with erem").into())
}

/// `emembers`, `ecard`, `eismember`.
pub fn ask(
    session: &Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let scope = if message.local { Scope::Local } else { Scope::Cluster };
    if message.dialect == Dialect::Flat {
        let ekg = flat_ekg(message)?;
        let id = match verb {
            Verb::Eismember => Some(message.id.as_deref().ok_or("\"eismember\" needs \"id\"")?),
            _ => None,
        };
        proof::check_read(session, message, &message.secrets, ekg)?;
        envelope.reply(out, |out| {
            write_fact(session, verb, ekg, id.unwrap_or_default(), scope, message.dialect, out)
        });
        return Ok(());
    }
    // One key may stand alone, and is then answered alone; a list is answered with a list.
    let is_list = message.payload.is_some_and(|payload| payload.trim_start().starts_with('['));
    let items = message.items().map_err(|bad| bad.to_string())?;
    let mut facts = Vec::with_capacity(items.len());
    for item in &items {
        let ekg = named_ekg(message, item)?;
        let name = item.name.as_deref().unwrap_or_default();
        if verb == Verb::Eismember && item.name.is_none() {
            return Err("\"eismember\" needs \"name\"".into());
        }
        proof::check_read(session, message, &item.secrets, &ekg)?;
        let mut fact = Vec::new();
        write_fact(session, verb, &ekg, name, scope, message.dialect, &mut fact);
        facts.push(fact);
    }
    match (&facts[..], is_list) {
        ([fact], false) => envelope.reply(out, |out| out.extend_from_slice(fact)),
        ([], false) => {
            return Err(format!("\"{}\" needs \"payload\" with \"domain\" and \"id\"", message.name).into());
        }
        _ => envelope.reply(out, |out| {
            out.push(b'[');
            out.extend_from_slice(&facts.join(&b','));
            out.push(b']');
        }),
    }
    Ok(())
}

fn write_fact(
    session: &Session,
    verb: Verb,
    ekg: &[u8],
    name: &[u8],
    scope: Scope,
    dialect: Dialect,
    out: &mut Vec<u8>,
) {
    let presence = &session.core.presence;
    match verb {
        Verb::Ecard => write_integer(presence.card(ekg, scope) as i64, out),
        Verb::Eismember => {
            write_integer(i64::from(presence.contains(ekg, &Bytes::copy_from_slice(name), scope)), out);
        }
        _ => {
            let mut names: Vec<Bytes> =
                presence.members(ekg, scope).into_iter().map(|member| member.name).collect();
            names.sort_unstable();
            // Ids may be shared by connections and count one each; a name is in an EKG once.
            if dialect == Dialect::Domain {
                names.dedup();
            }
            write_list(names.iter().map(|name| &name[..]), out);
        }
    }
}

fn flat_ekg<'m>(message: &'m Message<'_>) -> Result<&'m [u8], Problem> {
    let ekg = message.key.as_deref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
    check_key(ekg)?;
    Ok(ekg)
}

fn named_ekg(message: &Message<'_>, item: &Item<'_>) -> Result<Vec<u8>, Problem> {
    match &item.id {
        Some(id) => Ok(flat_key(item.domain.as_ref(), id).into_owned()),
        None => Err(format!("\"{}\" needs \"id\" (and \"domain\") of each EKG", message.name).into()),
    }
}

fn write_outcomes(outcomes: &[bool], out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, &outcome) in outcomes.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_integer(i64::from(outcome), out);
    }
    out.push(b']');
}

fn problem(error: PresenceError) -> Problem {
    error.to_string().into()
}
