//! The task behind a client: one connection at a time, over which commands, monitors and EKG entries go together.
//!
//! Everything it knows of the server's state that must come back after a lost connection is in `Topics` and `Seats`;
//! everything that ends with the connection is in `Exchange`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::change::Change;
use super::error::Error;
use super::exchange::{Answered, Exchange, Pending};
use super::queue::Queue;
use super::seats::{Seat, SeatNumber, Seats};
use super::settings::Settings;
use super::socket::{self, Stream};
use super::topics::{Ask, Reader, Topics};
use super::wire::{Line, Lines, Request};
use super::{Link, Value};
use crate::address::{HyraxAddress, Socket};
use crate::tls::Trust;
use hyrax_types::limits;

/// First and longest wait before another attempt to connect. Short first, as most servers only restart.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How often it is looked whether the server still says anything.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long what is written last may take to leave, when nobody needs the client any more.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Commands taken at a time.
const COMMANDS_AT_A_TIME: usize = 64;

/// A command on its way to the server.
pub(super) struct Outgoing {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Result<Value, Error>>,
    pub(super) permit: OwnedSemaphorePermit,
}

/// What else is asked of the task. Each handle has a few of these under way at most.
pub(super) enum Control {
    Monitor {
        key: Bytes,
        reader: Reader,
    },
    Prefix {
        prefix: Bytes,
        queue: Arc<Queue<Change>>,
    },
    Unmonitor {
        key: Bytes,
        reader: Reader,
    },
    /// The reader of this key has read up to a gap.
    Refresh {
        key: Bytes,
    },
    Join {
        ekg: Bytes,
        seat: Seat,
    },
    Leave {
        ekg: Bytes,
        number: SeatNumber,
        done: Option<oneshot::Sender<Result<(), Error>>>,
    },
}

/// Where the server is, and as whom it is talked to.
pub(super) struct Target {
    pub(super) address: HyraxAddress,
    pub(super) trust: Option<Trust>,
    pub(super) settings: Settings,
}

pub(super) struct Driver {
    pub(super) target: Arc<Target>,
    pub(super) commands: mpsc::Receiver<Outgoing>,
    pub(super) controls: mpsc::UnboundedReceiver<Control>,
    pub(super) link: watch::Sender<Link>,
    topics: Topics,
    seats: Seats,
    /// Whether there was a connection before.
    is_again: bool,
}

/// How a connection ended.
enum End {
    /// Nobody needs it any more.
    Released,
    Lost(String),
}

impl Target {
    /// Opens a connection and logs in; or says why not.
    pub(super) async fn enter(&self) -> Result<Box<dyn Stream>, String> {
        let patience = self.settings.connect_timeout;
        let entering = async {
            let mut stream = socket::open(&self.address.socket, self.trust.as_ref()).await?;
            if let Some(login) = self.settings.login.as_ref().or(self.address.login.as_ref()) {
                let args = [
                    Bytes::from(login.name.clone()),
                    Bytes::copy_from_slice(login.password.expose().as_bytes()),
                ];
                let mut out = Vec::new();
                Request::new("auth").args(&args).write(0, &mut out);
                stream.write_all(&out).await.map_err(|error| error.to_string())?;
                logged_in(&mut stream).await?;
            }
            Ok(stream)
        };
        match tokio::time::timeout(patience, entering).await {
            Ok(entered) => entered,
            Err(_) => Err(format!("it does not answer within {patience:?}")),
        }
    }

    /// What is needed to trust the server, where that is over TLS.
    pub(super) fn trust(address: &HyraxAddress, settings: &Settings) -> Result<Option<Trust>, String> {
        match (&address.socket, &settings.ca) {
            (Socket::Tls(_), ca) => Trust::new(ca.as_deref()).map(Some).map_err(|error| error.to_string()),
            // Else whoever names an authority, and forgets TLS, would send in the clear.
            (_, Some(_)) => {
                Err("authorities to trust are named, and the address is not one over TLS".to_owned())
            }
            (_, None) => Ok(None),
        }
    }
}

/// Reads the answer to the login, the first line there is: nothing is monitored yet.
async fn logged_in(stream: &mut dyn Stream) -> Result<(), String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await.map_err(|error| error.to_string())? {
            b'\n' => break,
            byte if line.len() < limits::FRAME_BYTES_MAX => line.push(byte),
            _ => return Err("what listens there does not answer as Hyrax does".to_owned()),
        }
    }
    match Line::read(&line).map_err(|nonsense| nonsense.0)? {
        Some(Line::Answer { outcome: Ok(_), .. }) => Ok(()),
        Some(Line::Answer { outcome: Err(words), .. } | Line::Farewell(words)) => {
            Err(format!("the login is refused: {words}"))
        }
        _ => Err("what listens there does not answer as Hyrax does".to_owned()),
    }
}

impl Driver {
    pub(super) fn new(
        target: Arc<Target>,
        commands: mpsc::Receiver<Outgoing>,
        controls: mpsc::UnboundedReceiver<Control>,
        link: watch::Sender<Link>,
    ) -> Driver {
        let (topics, seats) = (Topics::default(), Seats::default());
        Driver { target, commands, controls, link, topics, seats, is_again: false }
    }

    /// Runs until nobody needs the client any more.
    pub(super) async fn run(mut self, mut stream: Box<dyn Stream>) {
        loop {
            self.link.send_replace(Link::Up);
            let End::Lost(reason) = self.serve(stream).await else { return };
            tracing::debug!(%reason, address = %self.target.address, "lost the connection");
            self.is_again = true;
            self.link.send_replace(Link::Down { reason });
            self.seats.away();
            let Some(again) = self.reconnect().await else { return };
            stream = again;
        }
    }

    /// Talks over one connection until it is lost.
    async fn serve(&mut self, stream: Box<dyn Stream>) -> End {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut lines = Lines::default();
        let mut exchange = Exchange::new(self.target.settings.silence_max);
        self.begin(&mut exchange);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        let mut has_clients = true;
        loop {
            let takes_commands = has_clients && exchange.output.len() < limits::CLIENT_OUTPUT_BYTES_MAX;
            tokio::select! {
                control = self.controls.recv() => match control {
                    Some(control) => self.control(control, &mut exchange),
                    None => {
                        let farewell = writer.write_all(&exchange.output);
                        _ = tokio::time::timeout(FAREWELL_MAX, farewell).await;
                        _ = tokio::time::timeout(FAREWELL_MAX, writer.shutdown()).await;
                        return End::Released;
                    }
                },
                count = self.commands.recv_many(&mut batch, COMMANDS_AT_A_TIME), if takes_commands => {
                    // Monitors and EKG entries may go on without.
                    has_clients = count > 0;
                    // Whoever monitored a key before it sent a command hears of what that changes.
                    while let Ok(control) = self.controls.try_recv() {
                        self.control(control, &mut exchange);
                    }
                    for Outgoing { request, answer, permit } in batch.drain(..) {
                        // Who waits no more is not answered, and what was not sent is not done.
                        if !answer.is_closed() {
                            exchange.ask(request, Pending::Command { answer, _permit: permit });
                        }
                    }
                }
                read = reader.read_buf(lines.buffer()) => {
                    match read {
                        Ok(0) => return exchange.lost("the server closed the connection"),
                        Ok(_) => exchange.heard = Instant::now(),
                        Err(error) => return exchange.lost(&error.to_string()),
                    }
                    if let Err(reason) = self.read(&mut lines, &mut exchange) {
                        return exchange.lost(&reason);
                    }
                }
                sent = send(&mut writer, &mut exchange), if exchange.has_output() => {
                    if let Err(error) = sent {
                        return exchange.lost(&error.to_string());
                    }
                }
                _ = look.tick() => {
                    if exchange.is_silent() {
                        return exchange.lost("nothing was heard of the server");
                    }
                }
            }
        }
    }

    /// Asks for everything that is to go on over this connection.
    fn begin(&mut self, exchange: &mut Exchange) {
        for ask in self.topics.resume() {
            self.ask(ask, exchange);
        }
        for (ekg, seat) in self.seats.all() {
            exchange.join(&self.target.settings, ekg, seat.number, &seat.id);
        }
    }

    fn control(&mut self, control: Control, exchange: &mut Exchange) {
        let asks = match control {
            Control::Monitor { key, reader } => self.topics.add(key, reader),
            Control::Prefix { prefix, queue } => self.topics.set_prefix(prefix, queue),
            Control::Unmonitor { key, reader } => self.topics.remove(&key, &reader).into_iter().collect(),
            Control::Refresh { key } => self.topics.refresh(&key),
            Control::Join { ekg, seat } => {
                let (number, id) = (seat.number, seat.id.clone());
                if self.seats.take(&ekg, seat) {
                    exchange.join(&self.target.settings, &ekg, number, &id);
                }
                return;
            }
            Control::Leave { ekg, number, done } => {
                match self.seats.leave(&ekg, number) {
                    Some(id) => exchange.leave(&self.target.settings, &ekg, &id, done),
                    None => done.into_iter().for_each(|done| _ = done.send(Ok(()))),
                }
                return;
            }
        };
        for ask in asks {
            self.ask(ask, exchange);
        }
    }

    /// The same while there is no connection: only what is to be remembered.
    fn control_while_away(&mut self, control: Control) {
        match control {
            Control::Monitor { key, reader } => drop(self.topics.add(key, reader)),
            Control::Prefix { prefix, queue } => drop(self.topics.set_prefix(prefix, queue)),
            Control::Unmonitor { key, reader } => drop(self.topics.remove(&key, &reader)),
            // It is asked for with everything else.
            Control::Refresh { .. } => {}
            Control::Join { ekg, seat } => _ = self.seats.take(&ekg, seat),
            Control::Leave { ekg, number, done } => {
                // The server has let it go with the connection.
                self.seats.leave(&ekg, number);
                done.into_iter().for_each(|done| _ = done.send(Ok(())));
            }
        }
    }

    fn ask(&self, ask: Ask, exchange: &mut Exchange) {
        exchange.monitor(&self.target.settings, ask);
    }

    /// Takes in what was read.
    fn read(&mut self, lines: &mut Lines, exchange: &mut Exchange) -> Result<(), String> {
        while let Some(line) = lines.next().map_err(|nonsense| nonsense.0)? {
            match Line::read(&line).map_err(|nonsense| nonsense.0)? {
                None => {}
                Some(Line::Farewell(words)) => exchange.farewell = Some(words),
                Some(Line::Push(push)) => self.topics.pushed(push),
                Some(Line::Answer { number, outcome, rev, value }) => {
                    let Some(pending) = exchange.answered(number) else { continue };
                    self.answered(pending, Answered { outcome, rev, value });
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, pending: Pending, answered: Answered) {
        let Answered { outcome, rev, value } = answered;
        match (pending, outcome.map_err(Error::Refused)) {
            (Pending::Command { answer, .. }, outcome) => _ = answer.send(outcome),
            (Pending::Ping, _) => {}
            (Pending::Monitor { key }, Ok(word)) => {
                let reset = (word.as_str() == Some("reset")).then_some(value);
                self.topics.monitored(&key, rev.unwrap_or_default(), reset);
            }
            (Pending::Members { key }, Ok(members)) => match members.to() {
                Ok(members) => self.topics.members(&key, members),
                Err(error) => self.topics.refused(&key, error),
            },
            (Pending::Prefix { .. }, Ok(_)) => self.topics.prefix_monitored(self.is_again),
            (Pending::Monitor { key } | Pending::Members { key } | Pending::Prefix { key }, Err(error)) => {
                self.topics.refused(&key, error);
            }
            (Pending::Join { ekg, number }, outcome) => self.seats.joined(&ekg, number, outcome.map(drop)),
            (Pending::Leave { done }, outcome) => {
                done.into_iter().for_each(|done| _ = done.send(outcome.clone().map(drop)));
            }
        }
    }

    /// Connects again, however long that takes; none when nobody needs it any more.
    async fn reconnect(&mut self) -> Option<Box<dyn Stream>> {
        let mut wait = FIRST_WAIT;
        loop {
            // Not all clients of a restarted server at the same moment.
            let pause = tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64()));
            let target = Arc::clone(&self.target);
            let attempt = async move {
                pause.await;
                target.enter().await
            };
            tokio::pin!(attempt);
            let entered = loop {
                tokio::select! {
                    entered = &mut attempt => break entered,
                    control = self.controls.recv() => self.control_while_away(control?),
                }
            };
            match entered {
                Ok(stream) => return Some(stream),
                Err(reason) => self.link.send_replace(Link::Down { reason }),
            };
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Writes some of what is to be written, or has it leave when all is. Cancel-safe.
async fn send(writer: &mut WriteHalf<Box<dyn Stream>>, exchange: &mut Exchange) -> io::Result<()> {
    if exchange.output.is_empty() {
        writer.flush().await?;
        exchange.flush_owed = false;
    } else {
        writer.write_buf(&mut exchange.output).await?;
        exchange.flush_owed = true;
    }
    Ok(())
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.topics.end(&Error::Ended);
    }
}

impl Exchange {
    fn lost(&mut self, reason: &str) -> End {
        let reason = self.farewell.take().unwrap_or_else(|| reason.to_owned());
        self.interrupt(&reason);
        End::Lost(reason)
    }
}
