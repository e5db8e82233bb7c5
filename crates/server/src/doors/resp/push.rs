//! How changes are told to a Redis client that monitors a key.
//!
//! In RESP3 as pushes of their own kinds; in RESP2, where a push looks like a reply, as messages of a channel
//! named after the key, whose text is the line door's push.

use super::encode::{Protocol, RespSink};
use crate::doors::line;
use crate::hub::{Form, PresenceChange, PresenceKind, What};
use bytes::Bytes;
use hyrax_types::{OwnedChange, Revision};
use hyrax_values::{Reply, ReplySink};

/// What stands before the key in the name of the channel that RESP2 clients hear of it on.
const CHANNEL: &[u8] = b"__hmon__:";

/// The form of RESP2.
pub struct Messages;

/// The form of RESP3.
pub struct Pushes;

static MESSAGES: Messages = Messages;
static PUSHES: Pushes = Pushes;

/// The form in which a client hears of changes.
pub fn form_of(protocol: Protocol) -> &'static dyn Form {
    match protocol {
        Protocol::Resp2 => &MESSAGES,
        Protocol::Resp3 => &PUSHES,
    }
}

impl Form for Messages {
    fn number(&self) -> usize {
        2
    }

    fn encode(&self, what: &What, out: &mut Vec<u8>) {
        let mut text = Vec::with_capacity(128);
        line::FLAT.encode(what, &mut text);
        let key = match what {
            What::Change(change) => change.key(),
            What::Presence(change) => &change.ekg,
        };
        write_message(key, &text, out);
    }
}

impl Form for Pushes {
    fn number(&self) -> usize {
        3
    }

    fn encode(&self, what: &What, out: &mut Vec<u8>) {
        let mut push = RespSink::new(out, Protocol::Resp3);
        match what {
            What::Change(change) => write_change(change, &mut push),
            What::Presence(change) => write_presence(change, &mut push),
        }
    }
}

/// A message on a key's channel; the line door's end of line is none of it.
fn write_message(key: &[u8], text: &[u8], out: &mut Vec<u8>) {
    let mut message = RespSink::new(out, Protocol::Resp2);
    message.array(3);
    message.bulk(b"message");
    message.bulk(&[CHANNEL, key].concat());
    message.bulk(text.strip_suffix(b"\n").unwrap_or(text));
}

/// What a push of a kind begins with: the kind, the key, where in its history it stands.
fn begin(kind: &[u8], elements: usize, key: &[u8], rev: Revision, push: &mut RespSink<'_>) {
    push.push(3 + elements);
    push.bulk(kind);
    push.bulk(key);
    push.integer(rev.0 as i64);
}

/// `hmon key rev command [args] id`.
fn write_change(change: &OwnedChange, push: &mut RespSink<'_>) {
    begin(b"hmon", 3, change.key(), change.rev, push);
    push.bulk(change.command().as_bytes());
    push.bulks(change.args());
    match change.actor() {
        Some(actor) => push.bulk(actor),
        None => push.null(),
    }
}

/// `hekg key erev event name detail`.
fn write_presence(change: &PresenceChange, push: &mut RespSink<'_>) {
    begin(b"hekg", 3, &change.ekg, change.erev, push);
    let (event, name, detail): (&[u8], &[u8], Option<&[u8]>) = match &change.kind {
        PresenceKind::Added { id, replaces } => (b"eadd", id, replaces.as_deref()),
        PresenceKind::Removed { id } => (b"erem", id, None),
        PresenceKind::Closed { id, cause } => (b"eclose", id, Some(cause.as_bytes())),
        // A loss is told by a reset, not by a push.
        PresenceKind::Lost => (b"ereset", b"", None),
    };
    push.bulk(event);
    push.bulk(name);
    match detail {
        Some(detail) => push.bulk(detail),
        None => push.null(),
    }
}

/// Tells a client that fell behind what a key now holds: `hreset key rev value`.
pub fn write_reset(form: &'static dyn Form, key: &[u8], rev: Revision, value: &Reply, out: &mut Vec<u8>) {
    if form.number() == PUSHES.number() {
        let mut push = RespSink::new(out, Protocol::Resp3);
        begin(b"hreset", 1, key, rev, &mut push);
        value.write(&mut push);
        return;
    }
    let mut json = Vec::new();
    // One too large for JSON is null; the client then asks for it in parts.
    line::write_value(&mut json, |sink| value.write(sink));
    let mut text = Vec::new();
    line::write_reset(&line::FLAT, key, &json, rev, &mut text);
    write_message(key, &text, out);
}

/// Tells a client that fell behind who is in an EKG: `hekgreset key erev [names]`.
pub fn write_presence_reset(
    form: &'static dyn Form,
    ekg: &[u8],
    erev: Revision,
    names: &[Bytes],
    out: &mut Vec<u8>,
) {
    if form.number() == PUSHES.number() {
        let mut push = RespSink::new(out, Protocol::Resp3);
        begin(b"hekgreset", 1, ekg, erev, &mut push);
        push.bulks(names.iter().map(|name| &name[..]));
        return;
    }
    let mut text = Vec::new();
    line::write_presence_reset(&line::FLAT, ekg, names, erev, &mut text);
    write_message(ekg, &text, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyrax_types::Change;

    fn text(protocol: Protocol, what: &What) -> String {
        let mut out = Vec::new();
        form_of(protocol).encode(what, &mut out);
        String::from_utf8_lossy(&out).replace("\r\n", " ")
    }

    #[test]
    fn a_change_is_a_push_in_resp3_and_a_message_in_resp2() {
        let change = Change { key: b"k", rev: Revision(9), command: "set", args: &[b"v"], actor: None };
        let what = What::Change(change.to_owned());
        assert_eq!(text(Protocol::Resp3, &what), ">6 $4 hmon $1 k :9 $3 set *1 $1 v _ ");
        assert_eq!(
            text(Protocol::Resp2, &what),
            "*3 $7 message $10 __hmon__:k $44 {\"cmd\":\"set\",\"key\":\"k\",\"args\":[\"v\"],\"rev\":9} "
        );
    }

    #[test]
    fn who_left_is_told_with_the_cause() {
        let kind = PresenceKind::Closed { id: "ann".into(), cause: "timeout" };
        let what = What::Presence(PresenceChange { ekg: "room".into(), erev: Revision(3), kind });
        assert_eq!(text(Protocol::Resp3, &what), ">6 $4 hekg $4 room :3 $6 eclose $3 ann $7 timeout ");
    }

    #[test]
    fn a_reset_tells_the_value() {
        let mut out = Vec::new();
        let value = Reply::Map(vec![(Reply::Bulk(b"f".to_vec()), Reply::Bulk(b"v".to_vec()))]);
        write_reset(&PUSHES, b"k", Revision(7), &value, &mut out);
        write_reset(&MESSAGES, b"k", Revision(7), &value, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out).replace("\r\n", " "),
            ">4 $6 hreset $1 k :7 %1 $1 f $1 v *3 $7 message $10 __hmon__:k \
             $52 {\"cmd\":\"mreset\",\"key\":\"k\",\"value\":{\"f\":\"v\"},\"rev\":7} "
        );
    }
}
