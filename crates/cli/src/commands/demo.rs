//! `hyrax demo`: a small room, shown live.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::address::Address;
use crate::demo::{People, Room, screen};
use crate::server::InProcess;

/// How long it plays where nobody sits in front of it.
const UNATTENDED: Duration = Duration::from_secs(10);

/// Watch a small room of people come, go and change keys.
///
/// It starts a server inside this process, and a connection for each of them. From another terminal
/// you can join them.
#[derive(Args, Debug)]
pub struct Demo {
    /// Print lines instead of a screen, as is done anyway where the output is no terminal
    #[arg(long)]
    plain: bool,
    /// Print the pushes themselves, as lines of JSON
    #[arg(long)]
    json: bool,
    /// End after so many seconds [default: never on a terminal, else 10]
    #[arg(long)]
    seconds: Option<u64>,
    /// How many people there are
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=100))]
    people: u64,
}

impl Demo {
    /// Plays until interrupted or until the time is up.
    pub fn run(self) -> Result<()> {
        let terminal = io::stdout().is_terminal();
        let time = self.seconds.map(Duration::from_secs).or((!terminal).then_some(UNATTENDED));
        // A time too long to be added to the clock never comes.
        let until = time.and_then(|time| Instant::now().checked_add(time));
        let server = InProcess::start()?;
        let address = Address::Tcp(server.address().to_string());
        let (room, pushes) = Room::watch(&address)?;
        let people = People::start(&address, self.people as usize);
        let played = match terminal && !self.plain && !self.json {
            true => screen::play(room, &pushes, until, &address),
            false => self.print(room, &pushes, until, &address),
        };
        // People first: they would else complain of the server's end.
        drop(people);
        drop(server);
        played
    }

    fn print(
        &self,
        mut room: Room,
        pushes: &Receiver<Value>,
        until: Option<Instant>,
        address: &Address,
    ) -> Result<()> {
        let mut stdout = io::stdout().lock();
        if !self.json {
            writeln!(stdout, "a room on {address}; join it with: hyrax ekg join --url {address} room YOU")?;
        }
        loop {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            let push = match pushes.recv_timeout(left) {
                Ok(push) => push,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            };
            match (self.json, room.apply(&push)) {
                (true, _) => writeln!(stdout, "{push}")?,
                (false, line) => writeln!(stdout, "{line}")?,
            }
            stdout.flush()?;
        }
    }
}
