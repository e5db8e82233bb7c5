//! `CLIENT LIST` and `CLIENT INFO`.

use super::super::commands::metrics_name;
use super::super::dialogue::Conversation;
use crate::Card;
use crate::auth::Identity;
use crate::net::PeerAddress;
use hyrax_types::SessionId;
use hyrax_values::{Error, parse_integer};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// Redis' types of clients. Hyrax has neither masters nor replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// Neither of the others.
    Normal,
    /// Subscribed to something.
    Subscriber,
    /// There are none.
    Master,
    /// Shown all commands; else there are none.
    Replica,
}

impl ClientType {
    /// The type of that name.
    pub fn named(name: &[u8]) -> Result<Self, Error> {
        match &name.to_ascii_lowercase()[..] {
            b"normal" => Ok(ClientType::Normal),
            b"slave" | b"replica" => Ok(ClientType::Replica),
            b"pubsub" => Ok(ClientType::Subscriber),
            b"master" => Ok(ClientType::Master),
            _ => {
                let name = String::from_utf8_lossy(name);
                Err(Error::Other(format!("ERR Unknown client type '{name}'").into()))
            }
        }
    }

    /// A client's type.
    pub fn of(card: &Card) -> Self {
        if card.is_subscribed() { ClientType::Subscriber } else { ClientType::Normal }
    }
}

/// `CLIENT INFO`.
pub fn info(conversation: &Conversation, out: &mut Vec<u8>) {
    let mut text = String::new();
    let session = &conversation.session;
    write_client(&session.card, conversation, "client|info", &mut text);
    conversation.reply(out).verbatim(&text);
}

/// `CLIENT LIST [TYPE type] [ID id …]`.
pub fn run(conversation: &Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
    let session = &conversation.session;
    let option = argv.get(2).map(|option| option.to_ascii_lowercase());
    let listed = match option.as_deref() {
        None => session.core.sessions(),
        Some(b"type") if argv.len() == 4 => {
            let wanted = ClientType::named(argv[3])?;
            let mut cards = session.core.sessions();
            cards.retain(|card| ClientType::of(card) == wanted);
            cards
        }
        Some(b"id") if argv.len() > 3 => {
            let mut cards = Vec::new();
            for id in &argv[3..] {
                let id = parse_integer(id).ok_or(Error::text("ERR Invalid client ID"))?;
                cards.extend(u64::try_from(id).ok().and_then(|id| session.core.session(SessionId(id))));
            }
            cards
        }
        Some(_) => return Err(Error::Syntax),
    };
    let mut text = String::new();
    for card in listed {
        write_client(&card, conversation, "client|list", &mut text);
    }
    conversation.reply(out).verbatim(&text);
    Ok(())
}

/// Where a client is connected to.
pub fn local_address_of(card: &Card) -> String {
    card.peer.local.map_or_else(|| PeerAddress::Unix.to_string(), |address| address.to_string())
}

/// The name that a client is logged in by.
pub fn user_of(card: &Card) -> String {
    match card.identity() {
        Identity::Operator(name) => name.to_string(),
        Identity::Anonymous | Identity::Writer => "default".to_owned(),
    }
}

fn flags_of(card: &Card) -> String {
    let flags = [
        ('O', card.monitors.load(Relaxed)),
        ('P', card.is_subscribed()),
        ('x', card.queued.load(Relaxed) > 0),
        ('b', card.is_waiting()),
        ('t', card.redirection.load(Relaxed) >= 0),
        ('B', card.hears_prefixes.load(Relaxed)),
        ('U', card.peer.address == PeerAddress::Unix),
        ('e', card.no_evict.load(Relaxed)),
    ];
    let flags: String = flags.iter().filter(|(_, has)| *has).map(|(flag, _)| flag).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

/// One line, with Redis' fields; those that mean nothing here are as of a client at rest.
fn write_client(card: &Card, asking: &Conversation, asked: &str, text: &mut String) {
    let (now_us, is_me) = (asking.session.now_us(), card.id == asking.session.id);
    let name = card.name().unwrap_or_default();
    let last = metrics_name(card.command.load(Relaxed)).unwrap_or("NULL");
    let queue = card.outbox().map_or(0, |outbox| outbox.bytes());
    let [channels, patterns, shards] = [0, 1, 2].map(|kind: usize| card.subscribed[kind].load(Relaxed));
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "id={id} addr={address} laddr={local} fd=-1 name={name} age={age} idle={idle} flags={flags} db=0 \
         sub={channels} psub={patterns} ssub={shards} multi={multi} qbuf={qbuf} qbuf-free=0 argv-mem=0 \
         multi-mem={multi_mem} rbs=0 rbp=0 obl=0 oll={oll} omem={queue} tot-mem={total} events=r \
         cmd={command} user={user} redir={redirection} resp={resp}",
        id = card.id.0,
        address = card.peer.address,
        local = local_address_of(card),
        name = String::from_utf8_lossy(&name),
        age = (now_us / 1_000_000).saturating_sub(card.began_s),
        idle = now_us.saturating_sub(card.seen_us.load(Relaxed)) / 1_000_000,
        flags = flags_of(card),
        multi = card.queued.load(Relaxed) as i64 - 1,
        qbuf = if is_me { asking.turn_bytes } else { 0 },
        multi_mem = card.queued_bytes.load(Relaxed),
        oll = usize::from(queue > 0),
        total = queue + card.queued_bytes.load(Relaxed) + size_of::<Card>(),
        command = if is_me { asked } else { last },
        user = user_of(card),
        redirection = card.redirection.load(Relaxed),
        resp = card.protocol.load(Relaxed),
    );
}
