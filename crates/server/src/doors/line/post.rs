//! The line door over HTTP POST: one command or package, one answer, no session.

use super::conversation::{Answer, Conversation};
use super::envelope::Envelope;
use crate::auth::Identity;
use crate::core::Core;
use crate::net::{Authorization, Peer};
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use std::sync::Arc;

/// Answers a body. Who says by `authorization` to be somebody is that one, or is refused.
pub async fn post(core: Arc<Core>, body: &[u8], peer: Peer, authorization: Option<Authorization>) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(identity) = identity(&core, authorization) else {
        Envelope::bare().error(&"auth failed", &mut out);
        out.push(b'\n');
        return out;
    };
    let line = body.trim_ascii();
    if line.is_empty() {
        Envelope::bare()
            .error(&"the body is empty: send a command such as {\"cmd\":\"get\",\"key\":\"foo\"}", &mut out);
        out.push(b'\n');
        return out;
    }
    let mut session = Session::new(core, peer, None);
    session.identity = identity;
    let mut conversation = Conversation { session };
    conversation.session.begin_command();
    match conversation.answer(line, &mut out) {
        Answer::Done => {}
        Answer::Later(later) => conversation.finish_within(later, limits::POST_WAIT_MAX, &mut out).await,
        Answer::Slow => conversation.answer_slowly(&String::from_utf8_lossy(line), &mut out).await,
    }
    conversation.session.end(Cause::Closed).await;
    out.push(b'\n');
    out
}

/// Who a request comes from; none when that is not true. While auth is off, nobody has a name.
fn identity(core: &Core, authorization: Option<Authorization>) -> Option<Identity> {
    match authorization {
        Some(Authorization::Basic { name, password }) if core.authorizer.is_on() => {
            core.authorizer.operator(name.as_bytes(), password.as_bytes())
        }
        // No door of this version hands out tokens.
        Some(Authorization::Bearer(_)) if core.authorizer.is_on() => None,
        _ => Some(Identity::Anonymous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::net::PeerAddress;
    use crate::server::Server;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_command_that_waits_for_ever_is_answered_in_time() {
        let config = Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
        let server = Server::bind(config).await.unwrap();
        let peer = Peer { address: PeerAddress::Unix, local: None, tls: false, may_sudo: true };
        let began = Instant::now();
        let body = br#"{"cmd":"blpop","key":"jobs","args":[0]}"#;
        let answer = post(server.core().clone(), body, peer, None).await;
        assert_eq!(String::from_utf8(answer).unwrap(), "{\"return\":null}\n");
        assert_eq!(began.elapsed().as_secs(), limits::POST_WAIT_MAX.as_secs());
    }
}
