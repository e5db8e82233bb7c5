//! A group of many members: how soon all who watch are told that somebody joined, and that somebody is lost.
//!
//! The members are connections that join and say nothing more. One more joins again and again, the next time when every
//! watcher has been told; and one joins with heartbeats, and stalls.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::generator::{Deliveries, Generator, open, subscribe};
use super::measure::{Load, Measurement};
use super::requests::{Batch, Keys, Template};
use super::wire::Protocol;

/// How often somebody joins.
const JOINS: u64 = 1_000;

/// The heartbeat of the one who stalls.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long it may take until it is missed, before something is wrong.
const MISSED_MAX: Duration = Duration::from_secs(30);

impl Load<'_> {
    /// See the module's page.
    pub(super) fn groups(&self, members: u64, watchers: u64) -> Result<Measurement> {
        let joined: Result<Vec<TcpStream>> = (0..members).map(|number| self.join(number)).collect();
        let joined = joined?;
        let watch = b"{\"cmd\":\"gmon\",\"key\":\"bench\"}\n".to_vec();
        let listeners = vec![watch; watchers as usize];
        let join = Template::text_of("{\"cmd\":\"gjoin\",\"key\":\"bench\",\"id\":\"joins\"}\n");
        let driver = Batch::new([join], Keys::Fixed, 1);
        let deliveries = Deliveries { per_request: watchers, under_way_max: 0 };
        let generator =
            Generator::connect(self.target.address, Protocol::Line, vec![driver], listeners, deliveries)?;
        let (outcome, measured) = self.run(vec![generator], self.sizes.requests.unwrap_or(JOINS))?;
        let missed_after = self.lose()?;
        drop(joined);
        let p99 = outcome.told.within(0.99);
        Ok(Measurement { operations: outcome.deliveries, p99, missed_after: Some(missed_after), ..measured })
    }

    /// A connection that is a member.
    fn join(&self, number: u64) -> Result<TcpStream> {
        let request = format!("{{\"cmd\":\"gjoin\",\"key\":\"bench\",\"id\":\"m{number}\"}}\n");
        Ok(subscribe(self.target.address, Protocol::Line, request.as_bytes())?.0)
    }

    /// How long after its last word one that stalls is missed by another.
    fn lose(&self) -> Result<Duration> {
        let watcher = open(self.target.address)?;
        watcher.set_read_timeout(Some(MISSED_MAX))?;
        (&watcher).write_all(b"{\"cmd\":\"gmon\",\"key\":\"bench\"}\n").context("cannot watch the group")?;
        let mut lines = BufReader::new(&watcher).lines();
        lines.next().context("no answer to gmon")??;
        let mut stalls = open(self.target.address)?;
        let join = format!(
            "{{\"cmd\":\"gjoin\",\"key\":\"bench\",\"id\":\"stalls\",\"args\":{{\"heartbeat\":{}}}}}\n",
            HEARTBEAT.as_secs_f64()
        );
        stalls.write_all(join.as_bytes()).context("cannot join the group")?;
        let mut answer = [0; 64];
        let read = stalls.read(&mut answer).context("no answer to gjoin")?;
        if answer[..read] != *b"{\"return\":\"OK\"}\n" {
            bail!("gjoin was answered {}", String::from_utf8_lossy(&answer[..read]).trim_end());
        }
        let last_word = Instant::now();
        for line in lines {
            let line = line.context("nobody was told of the one that stalls")?;
            if line.contains("\"gleave\"") && line.contains("\"stalls\"") {
                return Ok(last_word.elapsed());
            }
        }
        bail!("the server closed the connection of a watcher")
    }
}
