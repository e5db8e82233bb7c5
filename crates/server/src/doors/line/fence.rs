//! Commands that are only to be run while a lock is held.

use super::conversation::Problem;
use super::message::Message;
use super::verbs::Verb;
use crate::session::Session;
use bytes::Bytes;
use hyrax_coordination::Compare;
use hyrax_types::Revision;

/// Refuses a fence around what it cannot guard.
pub fn check(verb: Verb, message: &Message<'_>) -> Result<(), Problem> {
    let guards = matches!(verb, Verb::Eadd | Verb::Eaddq | Verb::Erem | Verb::Eremq);
    if message.fence.is_none() || guards {
        return Ok(());
    }
    Err(refusal(&message.name))
}

/// The refusal of a fence around a command of this name.
pub fn refusal(name: &str) -> Problem {
    format!("\"fence\" guards writes of keys and EKGs, and \"{name}\" is none").into()
}

/// The condition that the lock which a message names is held, if it names one; fails when it is not held now.
pub async fn guard(session: &Session, message: &Message<'_>) -> Result<Option<Compare>, Problem> {
    let Some(fence) = &message.fence else { return Ok(None) };
    let (lock, token) = (Bytes::copy_from_slice(&fence.lock), Revision(fence.token));
    let fence = hyrax_recipes::Fence { lock, token };
    fence.check(&session.core.coordination).await.map(Some).map_err(|error| error.to_string().into())
}
