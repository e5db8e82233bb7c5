//! `CLIENT PAUSE` and `CLIENT UNBLOCK`.

use super::super::dialogue::Conversation;
use crate::LetGo;
use crate::pause::Paused;
use hyrax_types::SessionId;
use hyrax_values::{Error, ReplySink, parse_integer};
use std::time::Duration;

/// `CLIENT PAUSE timeout [WRITE|ALL]`.
pub fn pause(conversation: &Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
    let paused = match argv.get(3).map(|mode| mode.to_ascii_lowercase()).as_deref() {
        None | Some(b"all") => Paused::All,
        Some(b"write") => Paused::Writes,
        Some(_) => return Err(Error::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let not_integer = Error::text("ERR timeout is not an integer or out of range");
    let milliseconds = parse_integer(argv[2]).ok_or(not_integer)?;
    let milliseconds = u64::try_from(milliseconds).map_err(|_| Error::text("ERR timeout is negative"))?;
    let core = &conversation.session.core;
    core.pause.begin(Duration::from_millis(milliseconds), paused);
    let left_ms = core.pause.left().unwrap_or_default().as_millis() as u64;
    core.values.keep_expired_until(core.clock.now_ms().saturating_add(left_ms));
    conversation.reply(out).status("OK");
    Ok(())
}

/// `CLIENT UNPAUSE`.
pub fn unpause(conversation: &Conversation, out: &mut Vec<u8>) {
    let core = &conversation.session.core;
    core.values.keep_expired_until(0);
    core.pause.end();
    conversation.reply(out).status("OK");
}

/// `CLIENT UNBLOCK client-id [TIMEOUT|ERROR]`.
pub fn unblock(conversation: &Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
    let how = match argv.get(3).map(|how| how.to_ascii_lowercase()).as_deref() {
        None | Some(b"timeout") => LetGo::TimedOut,
        Some(b"error") => LetGo::Refused,
        Some(_) => return Err(Error::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let card = u64::try_from(id).ok().and_then(|id| conversation.session.core.session(SessionId(id)));
    let let_go = card.is_some_and(|card| card.let_go(how));
    conversation.reply(out).integer(i64::from(let_go));
    Ok(())
}
