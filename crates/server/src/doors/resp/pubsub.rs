//! Channels: `SUBSCRIBE` and its kin, `PUBLISH`, `PUBSUB`; and how messages are written.

use super::dialogue::{Conversation, Flow};
use super::encode::{Protocol, RespSink, write_bulk, write_length};
use super::help::write_help;
use crate::hub::{Message, MessageForm, Space};
use bytes::Bytes;
use hyrax_values::{Error, ReplySink};

/// Messages as a version of the protocol has them: arrays in RESP2, pushes in RESP3.
struct Form(Protocol);

static RESP2: Form = Form(Protocol::Resp2);
static RESP3: Form = Form(Protocol::Resp3);

impl MessageForm for Form {
    fn number(&self) -> usize {
        usize::from(self.0 == Protocol::Resp3)
    }

    fn encode(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        let (kind, words) = match (message.space, message.pattern) {
            (_, Some(_)) => (&b"pmessage"[..], 4),
            (Space::ShardChannels, None) => (&b"smessage"[..], 3),
            (_, None) => (&b"message"[..], 3),
        };
        write_length(if self.0 == Protocol::Resp3 { b'>' } else { b'*' }, words, out);
        write_bulk(kind, out);
        message.pattern.into_iter().for_each(|pattern| write_bulk(pattern, out));
        write_bulk(message.channel, out);
        write_bulk(message.payload, out);
    }
}

/// How a client of this version is told what is published.
pub fn form(protocol: Protocol) -> &'static dyn MessageForm {
    match protocol {
        Protocol::Resp2 => &RESP2,
        Protocol::Resp3 => &RESP3,
    }
}

/// `SUBSCRIBE channel [channel …]`.
pub fn subscribe(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    begin(conversation, Space::Channels, "subscribe", argv, out)
}

/// `PSUBSCRIBE pattern [pattern …]`.
pub fn psubscribe(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    begin(conversation, Space::Patterns, "psubscribe", argv, out)
}

/// `SSUBSCRIBE shardchannel [shardchannel …]`.
pub fn ssubscribe(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    begin(conversation, Space::ShardChannels, "ssubscribe", argv, out)
}

/// Subscribes to what the words name, one by one: what was confirmed stays when a later one is refused.
fn begin(
    conversation: &mut Conversation,
    space: Space,
    command: &str,
    argv: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<Flow, Error> {
    for name in &argv[1..] {
        match conversation.session.subscribe(space, name, form(conversation.protocol)) {
            Ok(count) => confirm(&mut conversation.reply(out), command, Some(name), count),
            Err(refusal) => {
                conversation.refuse(&Error::Other(format!("ERR {refusal}").into()), out);
                break;
            }
        }
    }
    Ok(Flow::Done)
}

/// `UNSUBSCRIBE [channel [channel …]]`.
pub fn unsubscribe(
    conversation: &mut Conversation,
    argv: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<Flow, Error> {
    end(conversation, Space::Channels, "unsubscribe", argv, out)
}

/// `PUNSUBSCRIBE [pattern [pattern …]]`.
pub fn punsubscribe(
    conversation: &mut Conversation,
    argv: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<Flow, Error> {
    end(conversation, Space::Patterns, "punsubscribe", argv, out)
}

/// `SUNSUBSCRIBE [shardchannel [shardchannel …]]`.
pub fn sunsubscribe(
    conversation: &mut Conversation,
    argv: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<Flow, Error> {
    end(conversation, Space::ShardChannels, "sunsubscribe", argv, out)
}

/// Ends the subscriptions that the words name, or all of the space; something is confirmed in any case.
fn end(
    conversation: &mut Conversation,
    space: Space,
    command: &str,
    argv: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<Flow, Error> {
    // What was published until now comes before the confirmations, what comes later for what is left after.
    if !conversation.is_executing {
        conversation.session.keep_order(out);
    }
    for name in &argv[1..] {
        let count = conversation.session.unsubscribe(space, name);
        confirm(&mut conversation.reply(out), command, Some(name), count);
    }
    if argv.len() == 1 {
        let (mut name, mut count) = conversation.session.unsubscribe_one(space);
        loop {
            confirm(&mut conversation.reply(out), command, name.as_deref(), count);
            (name, count) = conversation.session.unsubscribe_one(space);
            if name.is_none() {
                break;
            }
        }
    }
    Ok(Flow::Done)
}

fn confirm(reply: &mut RespSink<'_>, command: &str, name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(command.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
}

/// `PUBLISH channel message`.
pub fn publish(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let receivers = conversation.session.core.hub.publish(argv[1], argv[2]);
    conversation.session.settle_messages();
    conversation.reply(out).integer(receivers as i64);
    Ok(Flow::Done)
}

/// `SPUBLISH shardchannel message`.
pub fn spublish(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let receivers = conversation.session.core.hub.publish_to_shard(argv[1], argv[2]);
    conversation.session.settle_messages();
    conversation.reply(out).integer(receivers as i64);
    Ok(Flow::Done)
}

/// `PUBSUB CHANNELS|NUMPAT|NUMSUB|SHARDCHANNELS|SHARDNUMSUB|HELP`.
pub fn pubsub(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let channels = conversation.session.core.hub.channels();
    match &argv[1].to_ascii_lowercase()[..] {
        b"channels" if argv.len() <= 3 => {
            write_names(
                &channels.active(Space::Channels, argv.get(2).copied()),
                &mut conversation.reply(out),
            );
        }
        b"shardchannels" if argv.len() <= 3 => {
            let names = channels.active(Space::ShardChannels, argv.get(2).copied());
            write_names(&names, &mut conversation.reply(out));
        }
        b"numpat" => conversation.reply(out).integer(channels.patterns() as i64),
        b"numsub" => write_counts(conversation, Space::Channels, &argv[2..], out),
        b"shardnumsub" => write_counts(conversation, Space::ShardChannels, &argv[2..], out),
        b"help" => write_help(conversation, b"pubsub", HELP, out),
        _ => {
            let word = String::from_utf8_lossy(&argv[1][..argv[1].len().min(128)]);
            return Err(Error::Other(
                format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try PUBSUB HELP.")
                    .into(),
            ));
        }
    }
    Ok(Flow::Done)
}

fn write_names(names: &[Bytes], reply: &mut RespSink<'_>) {
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
}

fn write_counts(conversation: &Conversation, space: Space, names: &[&[u8]], out: &mut Vec<u8>) {
    let channels = conversation.session.core.hub.channels();
    let mut reply = conversation.reply(out);
    reply.array(2 * names.len());
    for name in names {
        reply.bulk(name);
        reply.integer(channels.subscribers(space, name) as i64);
    }
}

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(space: Space, pattern: Option<&[u8]>, resp2: &str) {
        let message = Message { space, pattern, channel: b"c", payload: b"a b" };
        for (protocol, first) in [(Protocol::Resp2, "*"), (Protocol::Resp3, ">")] {
            let mut out = Vec::new();
            form(protocol).encode(&message, &mut out);
            assert_eq!(String::from_utf8_lossy(&out).replace("\r\n", " "), format!("{first}{resp2}"));
        }
    }

    #[test]
    fn messages_are_arrays_or_pushes() {
        check(Space::Channels, None, "3 $7 message $1 c $3 a b ");
        check(Space::Channels, Some(b"c*"), "4 $8 pmessage $2 c* $1 c $3 a b ");
        check(Space::ShardChannels, None, "3 $8 smessage $1 c $3 a b ");
    }
}
