//! The line door over HTTP POST: one command or package, one answer, no session.

use super::conversation::{Answer, Conversation};
use super::envelope::Envelope;
use crate::auth::Identity;
use crate::core::Core;
use crate::net::Peer;
use crate::session::Session;
use hyrax_recipes::Cause;
use std::sync::Arc;

/// Answers a body. `identity` is who the request's `Authorization` has shown.
pub async fn post(core: Arc<Core>, body: &[u8], peer: Peer, identity: Identity) -> Vec<u8> {
    let mut out = Vec::new();
    let line = body.trim_ascii();
    if line.is_empty() {
        Envelope::bare()
            .error(&"the body is empty: send a command such as {\"cmd\":\"get\",\"key\":\"foo\"}", &mut out);
        return out;
    }
    let mut session = Session::new(core, peer, None);
    session.identity = identity;
    let mut conversation = Conversation { session };
    conversation.session.begin_command();
    match conversation.answer(line, &mut out) {
        Answer::Done => {}
        Answer::Later(later) => conversation.finish(later, &mut out).await,
        Answer::Slow => conversation.answer_slowly(&String::from_utf8_lossy(line), &mut out).await,
    }
    conversation.session.end(Cause::Closed).await;
    out.push(b'\n');
    out
}
