//! The connection itself: who is at the other end, which version of the protocol it speaks.

use super::commands::wrong_arity;
use super::dialogue::{Conversation, Flow, Replies};
use super::encode::Protocol;
use crate::auth::Identity;
use hyrax_types::limits;
use hyrax_values::{Error, ReplySink, parse_integer};
use std::sync::atomic::Ordering::Relaxed;

/// The version of Redis whose commands these are.
pub const REDIS_VERSION: &str = "7.0.15";

const WRONG_PASSWORD: Error = Error::text("WRONGPASS invalid username-password pair or user is disabled.");

const NO_PASSWORD: Error = Error::text(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);

const NOT_LOGGED_IN: Error = Error::text(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);

/// The user whom Redis means where no name is given.
const DEFAULT_USER: &[u8] = b"default";

/// `PING [message]`.
pub fn ping(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    if argv.len() > 2 {
        return Err(wrong_arity("ping"));
    }
    let limited = conversation.protocol == Protocol::Resp2 && conversation.session.hears_pushes();
    let mut reply = conversation.reply(out);
    match argv.get(1) {
        message if limited => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(message.copied().unwrap_or_default());
        }
        Some(message) => reply.bulk(message),
        None => reply.status("PONG"),
    }
    Ok(Flow::Done)
}

/// `ECHO message`.
pub fn echo(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    conversation.reply(out).bulk(argv[1]);
    Ok(Flow::Done)
}

/// `SELECT index`: there is one database.
pub fn select(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match parse_integer(argv[1]) {
        Some(0) => conversation.reply(out).status("OK"),
        Some(index) if i32::try_from(index).is_ok() => {
            return Err(Error::text("ERR DB index is out of range"));
        }
        Some(_) => {
            return Err(Error::text(
                "ERR value is out of range, value must between -2147483648 and 2147483647",
            ));
        }
        None => return Err(Error::NotInteger),
    }
    Ok(Flow::Done)
}

/// `QUIT`.
pub fn quit(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    conversation.reply(out).status("OK");
    Ok(Flow::Close)
}

/// `RESET`: as if the client had just connected.
pub fn reset(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    conversation.leave_transaction();
    conversation.session.core.onlookers.remove(conversation.session.id);
    conversation.stop_tracking();
    conversation.session.stop_all();
    conversation.session.unsubscribe_all();
    conversation.session.become_known(Identity::Anonymous);
    conversation.session.card.set_name(None);
    conversation.replies = Replies::On;
    conversation.speak(Protocol::Resp2);
    conversation.reply(out).status("RESET");
    Ok(Flow::Done)
}

/// `AUTH [username] password`.
pub fn auth(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match argv {
        [_, secret] => {
            if !conversation.session.core.authorizer.is_on() {
                return Err(NO_PASSWORD);
            }
            log_in(conversation, DEFAULT_USER, secret)?;
        }
        [_, name, password] => log_in(conversation, name, password)?,
        _ => return Err(Error::Syntax),
    }
    conversation.reply(out).status("OK");
    Ok(Flow::Done)
}

/// Takes a name and a password: an operator's, or a secret that every key accepts.
fn log_in(conversation: &mut Conversation, name: &[u8], password: &[u8]) -> Result<(), Error> {
    let authorizer = &conversation.session.core.authorizer;
    let identity = match authorizer.operator(name, password) {
        Some(operator) => operator,
        None if name != DEFAULT_USER => return Err(WRONG_PASSWORD),
        // Who needs no password may give any.
        None if !authorizer.is_on() => return Ok(()),
        None if authorizer.is_global_secret(password) => Identity::Writer,
        None => return Err(WRONG_PASSWORD),
    };
    conversation.session.become_known(identity);
    Ok(())
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`.
pub fn hello(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let protocol = match argv.get(1) {
        None => None,
        Some(version) => match parse_integer(version) {
            Some(2) => Some(Protocol::Resp2),
            Some(3) => Some(Protocol::Resp3),
            Some(_) => return Err(Error::text("NOPROTO unsupported protocol version")),
            None => return Err(Error::text("ERR Protocol version is not an integer or out of range")),
        },
    };
    let mut options = argv.get(2..).unwrap_or_default();
    while let [option, rest @ ..] = options {
        options = match rest {
            [name, password, rest @ ..] if option.eq_ignore_ascii_case(b"auth") => {
                log_in(conversation, name, password)?;
                rest
            }
            [name, rest @ ..] if option.eq_ignore_ascii_case(b"setname") => {
                conversation.take_name(name)?;
                rest
            }
            _ => {
                let option = String::from_utf8_lossy(option);
                return Err(Error::Other(format!("ERR Syntax error in HELLO option '{option}'").into()));
            }
        };
    }
    let session = &conversation.session;
    if !session.identity.may_write() && !session.core.authorizer.anyone_may_read() {
        return Err(NOT_LOGGED_IN);
    }
    if let Some(protocol) = protocol {
        if protocol != conversation.protocol && session.monitors() > 0 {
            // Pushes in the other version's form are under way.
            return Err(Error::text("ERR end the monitors (HUNMON) before HELLO changes the protocol"));
        }
        conversation.speak(protocol);
    }
    write_greeting(conversation, out);
    Ok(Flow::Done)
}

fn write_greeting(conversation: &Conversation, out: &mut Vec<u8>) {
    let mut reply = conversation.reply(out);
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(conversation.protocol.number().into());
    reply.bulk(b"id");
    reply.integer(conversation.session.id.0 as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

impl Conversation {
    /// Goes over to a version of the protocol.
    fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.session.change_message_form(super::pubsub::form(protocol));
        self.session.card.protocol.store(protocol.number().into(), Relaxed);
    }

    /// Takes the name that the client gives itself; an empty one is none.
    pub fn take_name(&mut self, name: &[u8]) -> Result<(), Error> {
        if name.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::text(
                "ERR Client names cannot contain spaces, newlines or special characters.",
            ));
        }
        if name.len() > limits::CLIENT_NAME_BYTES_MAX {
            return Err(Error::text("ERR Client names cannot be longer than 1024 bytes."));
        }
        self.session.card.set_name((!name.is_empty()).then_some(name));
        Ok(())
    }
}
