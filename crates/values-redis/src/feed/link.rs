//! A connection on which one server tells what happens, and nothing else is asked.

use super::{Event, Topic};
use crate::names::Names;
use hyrax_types::limits::{REDIS_ANNOUNCEMENT_BYTES_MAX, REDIS_ANNOUNCEMENTS_MAX};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, PushInfo, PushKind, RedisResult, Value,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How long the connection may take to come up, and an answer on it.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// How much has been told and not been worked off.
#[derive(Debug, Default)]
pub struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Backlog {
    fn add(&self, bytes: usize) -> bool {
        let messages = self.messages.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        messages < REDIS_ANNOUNCEMENTS_MAX && before < REDIS_ANNOUNCEMENT_BYTES_MAX
    }

    /// So much of it has been worked off.
    pub fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a server told.
#[derive(Debug)]
pub enum Told {
    /// A message on the channel of a slot, or of a key.
    Message { of_slot: bool, message: Vec<u8> },
    /// Something happened to a key: the key as Redis knows it, the event.
    Event(Vec<u8>, Vec<u8>),
    /// It no longer tells of a channel: because it was asked to, or because the slot has moved.
    Left(Vec<u8>),
    /// The connection is lost, or lags too far behind.
    Lost,
}

impl Told {
    /// How much memory it takes.
    pub fn size(&self) -> usize {
        match self {
            Told::Message { message, .. } => message.len(),
            Told::Event(key, event) => key.len() + event.len(),
            Told::Left(channel) => channel.len(),
            Told::Lost => 0,
        }
    }
}

/// A connection that is up.
#[derive(Clone)]
pub struct Link {
    connection: MultiplexedConnection,
    names: Arc<Names>,
    /// What channels of keys' events begin with, where the server tells of them.
    events: Option<Arc<[u8]>>,
}

impl Link {
    /// Connects. What is told goes to `events`, with this number.
    pub async fn connect(
        info: ConnectionInfo,
        number: u64,
        names: Arc<Names>,
        wants_events: bool,
        events: UnboundedSender<Event>,
        backlog: Arc<Backlog>,
    ) -> RedisResult<Link> {
        let database = info.redis_settings().db();
        let channel = format!("__keyspace@{database}__:").into_bytes();
        let start: Arc<[u8]> = channel.into();
        let (start_of_events, names_of_channels) = (start.clone(), names.clone());
        let tell = move |push: PushInfo| -> Result<(), ()> {
            let Some(told) = read(push, &names_of_channels, &start_of_events) else { return Ok(()) };
            let size = told.size();
            let told = if backlog.add(size) {
                told
            } else {
                backlog.remove(size);
                backlog.add(0);
                Told::Lost
            };
            events.send(Event::Told(number, told)).map_err(drop)
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_MAX))
            .set_response_timeout(Some(ANSWER_MAX))
            .set_push_sender(tell);
        let client = Client::open(info)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let tells = wants_events && enable_events(&mut connection).await;
        Ok(Link { connection, names, events: tells.then_some(start) })
    }

    /// Begins to hear of these.
    pub async fn subscribe(&mut self, topics: &[Topic]) -> RedisResult<()> {
        self.change(topics, "SSUBSCRIBE", "SUBSCRIBE", "PSUBSCRIBE").await
    }

    /// Hears of these no more.
    pub async fn unsubscribe(&mut self, topics: &[Topic]) -> RedisResult<()> {
        self.change(topics, "SUNSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE").await
    }

    async fn change(&mut self, topics: &[Topic], shard: &str, key: &str, pattern: &str) -> RedisResult<()> {
        let mut commands = redis::pipe();
        let mut answers = 0;
        let mut add = |commands: &mut Pipeline, command: &str, channel: Vec<u8>| {
            commands.cmd(command).arg(channel);
            answers += 1;
        };
        let has_slots = topics.iter().any(|topic| matches!(topic, Topic::Slot(_)));
        for topic in topics {
            match topic {
                Topic::Key(name) => {
                    add(&mut commands, shard, self.names.channel(name));
                    if let Some(start) = &self.events {
                        add(&mut commands, key, [start, &self.names.real(name)[..]].concat());
                    }
                }
                Topic::Slot(slot) => add(&mut commands, shard, self.names.base(*slot)),
            }
        }
        if let Some(start) = self.events.as_ref().filter(|_| has_slots) {
            add(&mut commands, pattern, [start, &self.names.pattern(b"*")[..]].concat());
        }
        let values = self.connection.send_packed_commands(&commands, 0, answers).await?;
        values.into_iter().try_for_each(|value| value.extract_error().map(drop))
    }

    /// Answers once all that the server told before this has been handed on.
    pub async fn ping(&mut self) -> RedisResult<()> {
        self.connection.send_packed_command(&redis::cmd("PING")).await?.extract_error().map(drop)
    }
}

/// Reads what was pushed, unless it only confirms.
fn read(push: PushInfo, names: &Names, start_of_events: &[u8]) -> Option<Told> {
    let mut data = push.data.into_iter();
    let mut next = || match data.next() {
        Some(Value::BulkString(bytes)) => Some(bytes),
        _ => None,
    };
    match push.kind {
        PushKind::SMessage => {
            let of_slot = names.is_of_slot(&next()?);
            next().map(|message| Told::Message { of_slot, message })
        }
        PushKind::Message => event(next()?, next()?, start_of_events),
        PushKind::PMessage => {
            next()?;
            event(next()?, next()?, start_of_events)
        }
        PushKind::Disconnection => Some(Told::Lost),
        PushKind::SUnsubscribe => Some(Told::Left(next()?)),
        _ => None,
    }
}

fn event(mut channel: Vec<u8>, event: Vec<u8>, start: &[u8]) -> Option<Told> {
    if !channel.starts_with(start) {
        return None;
    }
    channel.drain(..start.len());
    Some(Told::Event(channel, event))
}

/// Has the server tell of events of keys; whether it does now. What it was told to tell of before, it still does.
async fn enable_events(connection: &mut MultiplexedConnection) -> bool {
    const NEEDED: &str = "Kg$lshzxetd";
    let setting = "notify-keyspace-events";
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg(setting);
    let now = match ask.query_async::<Vec<(String, String)>>(connection).await {
        Ok(found) => found.into_iter().next().map(|(_, value)| value).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "Redis does not say of which events it tells: writes by others are not pushed");
            return false;
        }
    };
    let has = |letter: char| now.contains(letter) || now.contains('A') && letter != 'K';
    if NEEDED.chars().all(has) {
        return true;
    }
    let missing = NEEDED.chars().filter(|&letter| !has(letter));
    let wanted: String = now.chars().chain(missing).collect();
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg(setting).arg(wanted);
    match set.query_async::<()>(connection).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "Redis does not tell of events of keys: writes by others are not pushed");
            false
        }
    }
}
