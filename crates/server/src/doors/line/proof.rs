//! Whether a message proves that its sender may do what it asks for.

use super::conversation::Problem;
use super::message::{Dialect, Message, Secrets};
use crate::auth::{Claim, Proof};
use crate::session::Session;
use hyrax_types::DomainKey;

/// What a write without a proof is answered.
const AUTH_FAILED: &str = "auth failed";

/// Refuses a command on live keys, unless it is allowed for each of `keys`, in Redis' order.
pub fn check<'k>(
    session: &Session,
    message: &Message<'_>,
    secrets: &Secrets<'_>,
    keys: impl Iterator<Item = &'k [u8]>,
) -> Result<(), Problem> {
    check_claims(session, message, secrets, keys.map(|key| (key, false)))
}

/// The same for keys, each with whether it stands for all that begin with it.
fn check_claims<'k>(
    session: &Session,
    message: &Message<'_>,
    secrets: &Secrets<'_>,
    keys: impl Iterator<Item = (&'k [u8], bool)>,
) -> Result<(), Problem> {
    if !needs_proof(session) {
        return Ok(());
    }
    let mut proved = 0;
    for (key, is_prefix) in keys {
        let given = secret_for(secrets, proved).ok_or(AUTH_FAILED)?;
        let domain = DomainKey::of_flat(key).domain.unwrap_or_default();
        let proof = match message.dialect {
            Dialect::Flat => Proof::Flat,
            Dialect::Domain => Proof::Domain { domain: &domain, name: b"" },
        };
        let id = message.id.as_deref().unwrap_or_default();
        accept(session, Claim { command: message.name.as_bytes(), key, is_prefix, id, proof }, given)?;
        proved += 1;
    }
    match secrets {
        Secrets::Each(each) if each.len() != proved => {
            Err(format!("\"secret\" holds {} secrets for {proved} written keys", each.len()).into())
        }
        // A write that names no key (there is none such among the open ones) is an operator's.
        _ if proved == 0 => Err(AUTH_FAILED.into()),
        _ => Ok(()),
    }
}

/// Refuses a change of an EKG by `name`, unless it is proved.
pub fn check_presence(
    session: &Session,
    message: &Message<'_>,
    secrets: &Secrets<'_>,
    ekg: &[u8],
    name: &[u8],
) -> Result<(), Problem> {
    if !needs_proof(session) {
        return Ok(());
    }
    let given = secret_for(secrets, 0).ok_or(AUTH_FAILED)?;
    let domain = DomainKey::of_flat(ekg).domain.unwrap_or_default();
    let proof = match message.dialect {
        Dialect::Flat => Proof::Flat,
        Dialect::Domain => Proof::Domain { domain: &domain, name },
    };
    accept(
        session,
        Claim { command: message.name.as_bytes(), key: ekg, is_prefix: false, id: name, proof },
        given,
    )
}

/// Refuses reading or monitoring a key where that is closed to whoever proves nothing.
pub fn check_read(
    session: &Session,
    message: &Message<'_>,
    secrets: &Secrets<'_>,
    key: &[u8],
) -> Result<(), Problem> {
    if session.core.authorizer.anyone_may_read() {
        Ok(())
    } else {
        check(session, message, secrets, [key].into_iter())
    }
}

/// The same for all keys that begin with `prefix`.
pub fn check_read_under(
    session: &Session,
    message: &Message<'_>,
    secrets: &Secrets<'_>,
    prefix: &[u8],
) -> Result<(), Problem> {
    if session.core.authorizer.anyone_may_read() {
        Ok(())
    } else {
        check_claims(session, message, secrets, [(prefix, true)].into_iter())
    }
}

fn needs_proof(session: &Session) -> bool {
    !session.identity.is_operator() && session.core.authorizer.is_on()
}

fn secret_for<'s>(secrets: &'s Secrets<'_>, number: usize) -> Option<&'s str> {
    match secrets {
        Secrets::None => None,
        Secrets::One(secret) => Some(secret),
        Secrets::Each(each) => each.get(number).map(|secret| &**secret),
    }
}

fn accept(session: &Session, claim: Claim<'_>, given: &str) -> Result<(), Problem> {
    let accepted = session.core.authorizer.accepts(&claim, given, session.core.now_s());
    if accepted { Ok(()) } else { Err(AUTH_FAILED.into()) }
}
