//! What a watcher knows of the room, from what it was pushed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

use crate::address::Address;
use crate::connection::Connection;
use crate::reply::inline;

/// The EKG that people are in.
pub const ROOM: &str = "room";
/// What they talk about: a string that is set.
pub const TOPIC: &str = "room:topic";
/// A counter.
pub const LIKES: &str = "room:likes";
/// What is to be done next.
pub const TASK: &str = "room:todo";

/// Lines kept of what happened: more than any screen shows.
const HISTORY: usize = 200;

/// The room as its watcher knows it.
#[derive(Debug, Default)]
pub struct Room {
    /// Who is there; a name may be there on several connections.
    members: BTreeMap<String, usize>,
    values: BTreeMap<String, String>,
    happened: VecDeque<String>,
}

impl Room {
    /// Monitors the room and its keys. The pushes come through the receiver, until the server ends.
    pub fn watch(address: &Address) -> Result<(Room, Receiver<Value>)> {
        let mut connection = Connection::open(address, None)?;
        for key in [ROOM, TOPIC, LIKES, TASK] {
            connection.call(&json!({"cmd": "madd", "key": key}))?;
        }
        let (sender, receiver) = mpsc::channel();
        // It ends with the connection or with the receiver, whichever goes first.
        thread::spawn(move || {
            while let Ok(Some(push)) = connection.receive() {
                if sender.send(push).is_err() {
                    return;
                }
            }
        });
        Ok((Room::default(), receiver))
    }

    /// Takes a push, and tells it in words.
    pub fn apply(&mut self, push: &Value) -> String {
        let text = |name: &str| push.get(name).map(inline).unwrap_or_default();
        let (id, key) = (text("id"), text("key"));
        let line = match push["cmd"].as_str().unwrap_or_default() {
            "eadd" => {
                *self.members.entry(id.clone()).or_default() += 1;
                format!("{id} comes in")
            }
            "erem" => {
                self.leave(&id);
                format!("{id} leaves")
            }
            "eclose" => {
                self.leave(&id);
                format!("{id} is gone ({})", text("cause"))
            }
            "incr" => {
                let value = self.values.entry(key.clone()).or_default();
                *value = value.parse::<u64>().unwrap_or_default().saturating_add(1).to_string();
                format!("{id} raises {key} to {value}")
            }
            "set" => {
                let value = push["args"].get(0).map(inline).unwrap_or_default();
                let line = format!("{id} sets {key} to {value}");
                self.values.insert(key, value);
                line
            }
            _ => crate::reply::push(push),
        };
        if self.happened.len() == HISTORY {
            self.happened.pop_front();
        }
        self.happened.push_back(line.clone());
        line
    }

    /// One connection fewer for `id`.
    fn leave(&mut self, id: &str) {
        if let Some(connections) = self.members.get_mut(id) {
            *connections -= 1;
            if *connections == 0 {
                self.members.remove(id);
            }
        }
    }

    /// Who is there.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The keys and their values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What happened last, the latest first.
    pub fn happened(&self) -> impl ExactSizeIterator<Item = &str> {
        self.happened.iter().rev().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_alone_tell_what_the_room_is_like() {
        let mut room = Room::default();
        for (push, told) in [
            (json!({"cmd":"eadd","key":ROOM,"id":"ann"}), "ann comes in"),
            (json!({"cmd":"eadd","key":ROOM,"id":"bob"}), "bob comes in"),
            (json!({"cmd":"eadd","key":ROOM,"id":"ann"}), "ann comes in"),
            (
                json!({"cmd":"set","key":TOPIC,"args":["tea"],"id":"ann","rev":1}),
                "ann sets room:topic to tea",
            ),
            (json!({"cmd":"incr","key":LIKES,"id":"bob","rev":2}), "bob raises room:likes to 1"),
            (json!({"cmd":"incr","key":LIKES,"id":"bob","rev":3}), "bob raises room:likes to 2"),
            (json!({"cmd":"eclose","key":ROOM,"id":"bob","cause":"closed"}), "bob is gone (closed)"),
            (json!({"cmd":"erem","key":ROOM,"id":"ann"}), "ann leaves"),
            (json!({"cmd":"erem","key":ROOM,"id":"nobody"}), "nobody leaves"),
        ] {
            assert_eq!(room.apply(&push), told);
        }
        assert_eq!(room.members().collect::<Vec<_>>(), ["ann"], "she is there once more");
        assert_eq!(room.values().collect::<Vec<_>>(), [(LIKES, "2"), (TOPIC, "tea")]);
        assert_eq!(room.happened().next(), Some("nobody leaves"));
    }

    #[test]
    fn history_is_bounded() {
        let mut room = Room::default();
        for _ in 0..HISTORY * 2 {
            room.apply(&json!({}));
        }
        assert_eq!(room.happened().len(), HISTORY);
    }
}
