//! Starting and stopping monitors.

use super::conversation::Problem;
use super::encode::{JsonSink, TOO_LARGE, write_bytes, write_integer, write_unsigned};
use super::envelope::Envelope;
use super::live::{check_key, flat_key};
use super::message::{Dialect, Item, Message};
use super::proof;
use super::push::{DOMAIN, FLAT, write_revision};
use super::verbs::Verb;
use crate::hub::Form;
use crate::session::{Resumed, Session};
use hyrax_types::{Revision, limits};
use hyrax_values::{Kind, ReplySink};

/// A value after which others get their turn before the next is written.
const LARGE_VALUE_BYTES: usize = 64 * 1024;

/// The push form of the dialect that a monitor was asked for in.
fn form_of(message: &Message<'_>) -> &'static dyn Form {
    match message.dialect {
        Dialect::Flat => &FLAT,
        Dialect::Domain => &DOMAIN,
    }
}

/// `madd`, `mrem`, `mprefix`, `mpremove`; and `mrem` of the domain dialect.
pub async fn flat(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    if verb == Verb::Mrem && message.dialect == Dialect::Domain {
        return remove_listed(session, message, envelope, out);
    }
    let keys = keys_of(message)?;
    let [(key, item)] = &keys[..] else {
        return Err(format!("\"{}\" takes one key", message.name).into());
    };
    let secrets = item.as_ref().map_or(&message.secrets, |item| &item.secrets);
    match verb {
        Verb::Madd => {
            check_key(key)?;
            proof::check_read(session, message, secrets, key)?;
            session.outbox()?.hold();
            return start(session, key, message, envelope, out).await;
        }
        Verb::Mprefix => {
            check_key(key)?;
            if key.len() > limits::PREFIX_BYTES_MAX {
                return Err(format!("a prefix has at most {} bytes", limits::PREFIX_BYTES_MAX).into());
            }
            proof::check_read_under(session, message, secrets, key)?;
            session.outbox()?.hold();
            session.monitor_prefix(key, form_of(message)).await?;
        }
        Verb::Mpremove => drop(session.stop_prefix(key)),
        _ => drop(session.stop(key)),
    }
    envelope.word("OK", out);
    Ok(())
}

/// A key in its flat form, and the element of the payload that named it, in the domain dialect.
type NamedKey<'a> = (Vec<u8>, Option<Item<'a>>);

/// The keys that a message names, in either dialect.
fn keys_of<'a>(message: &Message<'a>) -> Result<Vec<NamedKey<'a>>, Problem> {
    if message.dialect == Dialect::Flat {
        let key = message.key.as_ref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
        return Ok(vec![(key.to_vec(), None)]);
    }
    let items = message.items().map_err(|bad| bad.to_string())?;
    let named = items.into_iter().map(|item| match &item.id {
        Some(id) => Ok((flat_key(item.domain.as_ref(), id).into_owned(), Some(item))),
        None => Err(format!("\"{}\" needs \"id\" (and \"domain\") of each key", message.name).into()),
    });
    named.collect()
}

async fn start(
    session: &mut Session,
    key: &[u8],
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let mut value = Vec::new();
    let form = form_of(message);
    let mut sink = JsonSink::new(&mut value);
    let Some(since) = message.since else {
        let rev = session.monitor(key, Kind::Nothing, form, &mut sink).await?;
        envelope.begin(out);
        out.extend_from_slice(b"\"OK\"");
        write_revision("rev", rev, out);
        envelope.end(out);
        return Ok(());
    };
    let mut resumed = session.resume(key, Revision(since), form, &mut sink).await?;
    let mut too_large = sink.take_error();
    if sink.saw_binary_field() {
        value.clear();
        let mut sink = JsonSink::with_maps_as_pairs(&mut value);
        resumed =
            session.resume(key, Revision(since), form, &mut sink as &mut (dyn ReplySink + Send)).await?;
        too_large = sink.take_error();
    }
    if let Some(error) = too_large {
        session.stop(key);
        return Err(error.to_string().into());
    }
    match resumed {
        Resumed::Missed(rev) => {
            envelope.begin(out);
            out.extend_from_slice(b"\"OK\"");
            write_revision("rev", rev, out);
        }
        Resumed::Reset(rev) => {
            envelope.begin(out);
            out.extend_from_slice(b"\"reset\"");
            write_revision("rev", rev, out);
            out.extend_from_slice(b",\"value\":");
            out.extend_from_slice(&value);
        }
    }
    envelope.end(out);
    // What happened to the EKG meanwhile is not known: whoever comes back is told who is there.
    session.owe_presence(key);
    Ok(())
}

fn remove_listed(
    session: &mut Session,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let keys = keys_of(message)?;
    envelope.begin(out);
    out.push(b'[');
    for (position, (key, _)) in keys.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_integer(i64::from(session.stop(key)), out);
    }
    out.push(b']');
    envelope.end(out);
    Ok(())
}

/// `mlocal` and `mglobal`, which show every client's changes, and what ends them.
pub async fn everything(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    if !session.may_administer() {
        return Err("not permitted".into());
    }
    match verb {
        Verb::Mlocal | Verb::Mglobal => {
            session.outbox()?.hold();
            session.monitor_everything(verb == Verb::Mlocal, form_of(message)).await?;
        }
        _ => drop(session.stop_everything()),
    }
    envelope.word("OK", out);
    Ok(())
}

/// The monitors of the domain dialect, which answer with the current values.
pub async fn typed(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    let keys = keys_of(message)?;
    for (key, item) in &keys {
        check_key(key)?;
        let secrets = item.as_ref().map_or(&message.secrets, |item| &item.secrets);
        proof::check_read(session, message, secrets, key)?;
    }
    session.check_room(keys.len(), keys.iter().map(|(key, _)| key.len()).sum())?;
    session.outbox()?.hold();
    let mut revs = Vec::with_capacity(keys.len());
    // One bound for all values together: a line may name a large one again and again.
    let end_max = out.len() + limits::COMMAND_REPLY_BYTES_MAX;
    envelope.begin(out);
    out.push(b'[');
    for (position, (key, _)) in keys.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let start = out.len();
        match start_typed(session, verb, key, form_of(message), end_max, out).await {
            Ok(rev) => revs.push(rev),
            Err(problem) => {
                // The client is told that nothing was begun.
                for (key, _) in &keys[..=position] {
                    session.stop(key);
                }
                return Err(problem);
            }
        }
        if out.len() - start > LARGE_VALUE_BYTES {
            tokio::task::yield_now().await;
        }
    }
    out.extend_from_slice(b"],\"revs\":[");
    for (position, rev) in revs.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_unsigned(rev.0, out);
    }
    out.push(b']');
    envelope.end(out);
    Ok(())
}

async fn start_typed(
    session: &mut Session,
    verb: Verb,
    key: &[u8],
    form: &'static dyn Form,
    end_max: usize,
    out: &mut Vec<u8>,
) -> Result<Revision, Problem> {
    let kind = match verb {
        Verb::Mon => Kind::String,
        Verb::Hmon => Kind::Hash,
        Verb::Lmon => Kind::List,
        Verb::Smon => Kind::Set,
        Verb::Zmon => Kind::SortedSet,
        Verb::Emon => {
            let mut members = Vec::new();
            let erev = session.monitor_presence(key, form, &mut |present| members = present).await?;
            members.sort_unstable();
            members.dedup();
            super::push::write_list(members.iter().map(|name| &name[..]), out);
            if out.len() > end_max {
                return Err(TOO_LARGE.to_string().into());
            }
            return Ok(erev);
        }
        _ => {
            let mut ignored = Vec::new();
            let mut sink = JsonSink::new(&mut ignored);
            let rev = session.monitor(key, Kind::Nothing, form, &mut sink).await?;
            write_integer(1, out);
            return Ok(rev);
        }
    };
    let start = out.len();
    let mut sink = JsonSink::new(out).up_to(end_max);
    let mut rev = session.monitor(key, kind, form, &mut sink).await?;
    let mut error = sink.take_error();
    if sink.saw_binary_field() {
        out.truncate(start);
        let mut sink = JsonSink::with_maps_as_pairs(out).up_to(end_max);
        rev = session.monitor(key, kind, form, &mut sink as &mut (dyn ReplySink + Send)).await?;
        error = sink.take_error();
    }
    error.map_or(Ok(rev), |error| Err(error.to_string().into()))
}

/// Writes a key's current value, for a client that fell behind.
pub fn write_reset(form: &'static dyn Form, key: &[u8], value: &[u8], rev: Revision, out: &mut Vec<u8>) {
    if is_flat(form) {
        out.extend_from_slice(b"{\"cmd\":\"mreset\",\"key\":");
        write_bytes(key, out);
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(value);
        write_revision("rev", rev, out);
        out.extend_from_slice(b"}\n");
    } else {
        out.extend_from_slice(b"{\"command\":\"mon-push\",\"return\":{");
        super::push::write_domain_key(key, out);
        out.extend_from_slice(b",\"values\":[],\"command\":\"reset\",\"value\":");
        out.extend_from_slice(value);
        write_revision("rev", rev, out);
        out.extend_from_slice(b"}}\n");
    }
}

/// Writes an EKG's current members, for a client that fell behind.
pub fn write_presence_reset(
    form: &'static dyn Form,
    ekg: &[u8],
    members: &[bytes::Bytes],
    erev: Revision,
    out: &mut Vec<u8>,
) {
    let members = members.iter().map(|member| &member[..]);
    if is_flat(form) {
        out.extend_from_slice(b"{\"cmd\":\"ereset\",\"key\":");
        write_bytes(ekg, out);
        out.extend_from_slice(b",\"members\":");
        super::push::write_list(members, out);
        write_revision("erev", erev, out);
        out.extend_from_slice(b"}\n");
    } else {
        out.extend_from_slice(b"{\"command\":\"mon-push\",\"return\":{\"key\":{");
        super::push::write_domain_key(ekg, out);
        out.extend_from_slice(b"},\"values\":[],\"command\":\"ereset\",\"members\":");
        super::push::write_list(members, out);
        write_revision("erev", erev, out);
        out.extend_from_slice(b"}}\n");
    }
}

fn is_flat(form: &'static dyn Form) -> bool {
    form.number() == FLAT.number()
}
