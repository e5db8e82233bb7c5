//! The people: each a thread with a connection of its own, who comes, does a few things and goes.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::room::{LIKES, ROOM, TASK, TOPIC};
use crate::address::Address;
use crate::connection::Connection;

const NAMES: [&str; 12] =
    ["ann", "bob", "cleo", "dan", "eve", "finn", "gopher", "hana", "ivo", "june", "kai", "lena"];
const TOPICS: [&str; 6] = ["lunch?", "release day", "who has the keys", "tea", "the long bug", "holidays"];
const TASKS: [&str; 5] = ["fix the door", "water plants", "call the mill", "buy beans", "paint"];

/// Everybody, until dropped.
pub struct People {
    /// Each waits on the other end of one of these; a sender that is gone ends the wait at once.
    going_home: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl People {
    /// Lets `count` people come and go.
    pub fn start(address: &Address, count: usize) -> People {
        let address = Arc::new(address.clone());
        let mut people = People { going_home: Vec::new(), threads: Vec::new() };
        for number in 0..count {
            let (sender, receiver) = mpsc::channel();
            let (address, name) = (Arc::clone(&address), name(number));
            people.going_home.push(sender);
            people.threads.push(thread::spawn(move || {
                let mut person = Person { name, bell: receiver };
                // A lost server ends the demo for everybody; the watcher shows it.
                while person.rest(200, 3000) && person.visit(&address).is_ok() {}
            }));
        }
        people
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.going_home.clear();
        for thread in self.threads.drain(..) {
            // A person who panicked is gone as well.
            let _ = thread.join();
        }
    }
}

fn name(number: usize) -> String {
    let name = NAMES[number % NAMES.len()];
    match number / NAMES.len() {
        0 => name.to_owned(),
        again => format!("{name}{}", again + 1),
    }
}

struct Person {
    name: String,
    bell: Receiver<()>,
}

impl Person {
    /// Waits some milliseconds; false when it is time to go home.
    fn rest(&self, least: u64, most: u64) -> bool {
        let time = Duration::from_millis(fastrand::u64(least..most));
        self.bell.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    /// One visit: in, a few changes, and out, politely or not.
    fn visit(&mut self, address: &Address) -> Result<()> {
        let mut connection = Connection::open(address, None)?;
        connection.call(&json!({"cmd": "eadd", "key": ROOM, "id": self.name}))?;
        for _ in 0..fastrand::usize(1..8) {
            if !self.rest(300, 2000) {
                break;
            }
            connection.call(&self.change())?;
        }
        if fastrand::bool() {
            connection.call(&json!({"cmd": "erem", "key": ROOM, "id": self.name}))?;
        }
        // Otherwise the connection just closes, which the room hears of all the same.
        Ok(())
    }

    fn change(&self) -> Value {
        let pick = |from: &[&str]| from[fastrand::usize(..from.len())].to_owned();
        match fastrand::u8(..4) {
            0 => json!({"cmd": "set", "key": TOPIC, "args": [pick(&TOPICS)], "id": self.name}),
            1 | 2 => json!({"cmd": "incr", "key": LIKES, "id": self.name}),
            _ => json!({"cmd": "set", "key": TASK, "args": [pick(&TASKS)], "id": self.name}),
        }
    }
}
