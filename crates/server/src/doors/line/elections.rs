//! Elections in JSON. Who stands is a place in the same queue that a lock is; a connection's are given up when it ends.
//!
//! The leader's place holds what etcd's clients see as its proclamation: the value, or without one the id, as it is;
//! with both `{"id","value"}`.

use super::conversation::{Place, Problem};
use super::encode::{write_bytes, write_string, write_unsigned};
use super::envelope::Envelope;
use super::json::{JsonKind, Reader};
use super::live::check_key;
use super::locks::{self, write_bool, write_token};
use super::message::Message;
use super::proof;
use super::verbs::Verb;
use crate::session::Session;
use bytes::Bytes;
use hyrax_coordination::KeyValue;
use hyrax_recipes::Election;
use hyrax_recipes::election::Observed;

/// `campaign`, `resign`, `leader`, `observe`, `unobserve`.
pub async fn run(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    place: Place,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let name = locks::name_of(message)?;
    match verb {
        Verb::Campaign => campaign(session, message, name, place, envelope, out).await,
        Verb::Resign => {
            session.outbox()?;
            let id = message.id.as_deref();
            proof::check_presence(session, message, &message.secrets, name, id.unwrap_or_default())?;
            let core = session.core.clone();
            let name = Bytes::copy_from_slice(name);
            let resigned = core.locks.unlock(session.id, &name, id).await.map_err(locks::problem)?;
            write_bool(resigned, envelope, out);
            Ok(())
        }
        Verb::Leader => {
            proof::check_read(session, message, &message.secrets, name)?;
            let (leader, _) = election(session, name).leader().await.map_err(|error| error.to_string())?;
            envelope.reply(out, |out| write_leader(leader.as_deref(), out));
            Ok(())
        }
        Verb::Observe => {
            proof::check_read(session, message, &message.secrets, name)?;
            observe(session, name, envelope, out).await
        }
        _ => {
            session.stop_observing(name);
            envelope.word("OK", out);
            Ok(())
        }
    }
}

fn election(session: &Session, name: &[u8]) -> Election {
    Election::new(session.core.coordination.clone(), name)
}

async fn campaign(
    session: &mut Session,
    message: &Message<'_>,
    name: &[u8],
    place: Place,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    let id = message.id.as_deref();
    id.map_or(Ok(()), check_key)?;
    let value = match &message.args[..] {
        [] => None,
        [value] => Some(&value[..]),
        _ => return Err("\"campaign\" takes one value in \"args\"".into()),
    };
    proof::check_presence(session, message, &message.secrets, name, id.unwrap_or_default())?;
    let proclaimed = proclamation(id, value)?;
    let core = session.core.clone();
    let name = Bytes::copy_from_slice(name);
    let member = id.map(Bytes::copy_from_slice).unwrap_or_default();
    session.owns_locks();
    // Who leads already only says something else.
    let leads = core.locks.proclaim(session.id, &name, &member, proclaimed.clone()).await;
    if let Some(token) = leads.map_err(locks::problem)? {
        write_token(token, envelope, out);
        return Ok(());
    }
    let claim = core.locks.stand(session.id, name, member, proclaimed).map_err(locks::problem)?;
    locks::take_or_wait(session, claim, None, place, envelope, out).await
}

/// What a candidate's place holds.
fn proclamation(id: Option<&[u8]>, value: Option<&[u8]>) -> Result<Bytes, Problem> {
    let (Some(id), Some(value)) = (id, value) else {
        return Ok(Bytes::copy_from_slice(value.or(id).unwrap_or_default()));
    };
    let text =
        |bytes| std::str::from_utf8(bytes).map_err(|_| "a candidate with an id and a value has text in both");
    let mut both = b"{\"id\":".to_vec();
    write_string(text(id)?, &mut both);
    both.extend_from_slice(b",\"value\":");
    write_string(text(value)?, &mut both);
    both.push(b'}');
    Ok(both.into())
}

/// Follows who leads, and answers who does now.
async fn observe(
    session: &mut Session,
    name: &[u8],
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let outbox = session.outbox()?.clone();
    let mut observation = election(session, name).observe();
    let first = observation.next().await.map_err(|error| error.to_string())?;
    envelope.reply(out, |out| write_leader(first.leader.as_deref(), out));
    // What is pushed from here on waits for the answer.
    outbox.hold();
    let observed = Bytes::copy_from_slice(name);
    let observing = session.observe(name, async move {
        // It ends early only when the engine is being stopped.
        while let Ok(Observed { leader, .. }) = observation.next().await {
            let mut line = b"{\"cmd\":\"leader\",\"key\":".to_vec();
            write_bytes(&observed, &mut line);
            line.push(b',');
            match leader {
                Some(leader) => write_fields(&leader, &mut line),
                None => line.extend_from_slice(b"\"id\":null"),
            }
            line.extend_from_slice(b"}\n");
            outbox.tell(line.into());
        }
    });
    observing.map_err(|error| error.to_string().into())
}

fn write_leader(leader: Option<&KeyValue>, out: &mut Vec<u8>) {
    let Some(leader) = leader else { return out.extend_from_slice(b"null") };
    out.push(b'{');
    write_fields(leader, out);
    out.push(b'}');
}

fn write_fields(leader: &KeyValue, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(&leader.value).ok();
    out.extend_from_slice(b"\"id\":");
    match text.and_then(both) {
        Some((id, value)) => {
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(b",\"value\":");
            out.extend_from_slice(value.as_bytes());
        }
        None => {
            write_bytes(&leader.value, out);
            out.extend_from_slice(b",\"value\":");
            write_bytes(&leader.value, out);
        }
    }
    out.extend_from_slice(b",\"token\":");
    write_unsigned(leader.create_revision.0, out);
}

/// The id and the value of a proclamation that has both, as JSON.
fn both(text: &str) -> Option<(&str, &str)> {
    let mut reader = Reader::new(text);
    if reader.kind() != Ok(JsonKind::Object) {
        return None;
    }
    let mut first = true;
    let mut part = |expected: &str| -> Option<&str> {
        let field = reader.field(&mut first).ok()??;
        let is_text = field == expected && reader.kind().ok()? == JsonKind::String;
        is_text.then_some(())?;
        reader.raw().ok()
    };
    let (id, value) = (part("id")?, part("value")?);
    let is_whole = reader.field(&mut first).ok()?.is_none() && reader.end().is_ok();
    is_whole.then_some((id, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let leader = KeyValue { value: value.to_owned().into(), ..KeyValue::default() };
        let mut out = Vec::new();
        write_leader(Some(&leader), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_proclamation_reads_back() {
        let both = proclamation(Some(b"ann"), Some(b"10.0.0.1:80")).unwrap();
        assert_eq!(both, r#"{"id":"ann","value":"10.0.0.1:80"}"#);
        assert_eq!(
            shown(std::str::from_utf8(&both).unwrap()),
            r#"{"id":"ann","value":"10.0.0.1:80","token":0}"#
        );
        assert_eq!(proclamation(Some(b"ann"), None).unwrap(), "ann");
        assert_eq!(shown("ann"), r#"{"id":"ann","value":"ann","token":0}"#);
    }

    #[test]
    fn what_another_proclaims_is_shown_as_it_is() {
        for value in [
            r#"{"id":"a"}"#,
            "{\"id\":\n1,\"value\":2}",
            r#"{"id":"a","value":"b","c":1}"#,
            r#"{"id":"a","value":"b"} x"#,
            "[]",
            "",
        ] {
            let text = shown(value);
            let mut quoted = Vec::new();
            write_bytes(value.as_bytes(), &mut quoted);
            let quoted = String::from_utf8(quoted).unwrap();
            assert_eq!(text, format!("{{\"id\":{quoted},\"value\":{quoted},\"token\":0}}"));
        }
    }
}
