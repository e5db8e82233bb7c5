//! The handle that users hold: any number of clones, one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyrax_types::limits;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::command::Command;
use super::driver::{Control, Driver, Outgoing, Target};
use super::ekg::Ekg;
use super::monitor::{Monitor, PrefixMonitor};
use super::settings::Settings;
use super::value::Argument;
use super::wire::Request;
use super::{Error, Link, Value};
use crate::address::HyraxAddress;

/// Commands that wait to be taken by the connection's task.
const COMMANDS_WAITING_MAX: usize = 256;

/// Live values of a Hyrax server, over one connection that is made again whenever it is lost.
///
/// Clones share the connection. It is closed when the last clone, monitor and EKG entry is dropped. Commands are
/// answered in the order in which they were sent; one that waits on the server (`blpop`) holds up those behind it, and
/// so wants a client of its own.
///
/// A command during which the connection is lost fails with [`Error::Interrupted`], as it may have been done. One that
/// is asked for while there is no connection waits for one, as long as its timeout allows.
///
/// Every function is cancel-safe in that a dropped future leaves nothing behind but, perhaps, a command that was sent
/// and is done.
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    target: Arc<Target>,
    commands: mpsc::Sender<Outgoing>,
    controls: mpsc::UnboundedSender<Control>,
    in_flight: Arc<Semaphore>,
    link: watch::Receiver<Link>,
    seats: AtomicU64,
}

impl Client {
    /// Connects to a server: `hyrax://HOST:PORT`, `hyraxs://HOST:PORT`, `unix:PATH`, each with `NAME:PASSWORD@` of an
    /// operator where one is to log in.
    pub async fn connect(address: &str) -> Result<Client, Error> {
        Client::connect_with(address, Settings::default()).await
    }

    /// Connects as the settings say.
    pub async fn connect_with(address: &str, settings: Settings) -> Result<Client, Error> {
        Client::open(address.parse()?, settings).await
    }

    pub(crate) async fn open(address: HyraxAddress, settings: Settings) -> Result<Client, Error> {
        let failed = |reason| Error::Connect { address: address.to_string(), reason };
        let trust = Target::trust(&address, &settings).map_err(failed)?;
        Client::start(Arc::new(Target { address: address.clone(), trust, settings })).await
    }

    /// Another connection to the same server, as the same: for commands that wait.
    pub async fn another(&self) -> Result<Client, Error> {
        Client::start(Arc::clone(&self.shared.target)).await
    }

    async fn start(target: Arc<Target>) -> Result<Client, Error> {
        let failed = |reason| Error::Connect { address: target.address.to_string(), reason };
        let stream = target.enter().await.map_err(failed)?;
        let (commands, taken) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (controls, controlled) = mpsc::unbounded_channel();
        let (tell, link) = watch::channel(Link::Up);
        let driver = Driver::new(Arc::clone(&target), taken, controlled, tell);
        tokio::spawn(driver.run(stream));
        let in_flight = Arc::new(Semaphore::new(limits::CLIENT_COMMANDS_IN_FLIGHT_MAX));
        let seats = AtomicU64::new(0);
        Ok(Client { shared: Arc::new(Shared { target, commands, controls, in_flight, link, seats }) })
    }

    /// A command of Hyrax' or Redis', to be given its arguments and sent.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::Client) -> Result<(), hyrax_client::Error> {
    /// let added: i64 = client.command("zadd").key("scores").arg(2.5).arg("ann").query().await?;
    /// # Ok(()) }
    /// ```
    pub fn command(&self, name: &str) -> Command<'_> {
        Command::new(self, name)
    }

    /// The same in one go: a command, its key and its arguments, answered as it comes.
    pub async fn call<A: Into<Argument>>(
        &self,
        name: &str,
        key: impl Into<Argument>,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Value, Error> {
        self.command(name).key(key).args(args).send().await
    }

    /// Monitors a key: its value, and then every change of it, in order, none left out or told twice. After a lost
    /// connection it goes on where it was, with a reset where that is not possible.
    ///
    /// The server is asked when this returns; what it refuses is the monitor's first word.
    pub fn monitor(&self, key: impl Into<Argument>) -> Monitor {
        Monitor::start(self, key.into().0)
    }

    /// Monitors all keys under a prefix, from now on. Unlike a key's, changes while there is no connection are not
    /// repeated; [`ChangeKind::Missed`](super::ChangeKind::Missed) tells so.
    ///
    /// It has a connection of its own, as what is pushed does not say for which monitor, and ends with the last
    /// reader.
    pub async fn monitor_prefix(&self, prefix: impl Into<Argument>) -> Result<PrefixMonitor, Error> {
        PrefixMonitor::start(&self.another().await?, prefix.into().0).await
    }

    /// The EKG of this name.
    pub fn ekg(&self, name: impl Into<Argument>) -> Ekg {
        Ekg::new(self.clone(), name.into().0)
    }

    /// Whether there is a connection, now and whenever that changes.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.shared.link.clone()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.target.settings
    }

    pub(super) fn next_seat(&self) -> u64 {
        self.shared.seats.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the connection's task. It ends only with the runtime, and then nobody is left to be told.
    pub(super) fn control(&self, control: Control) {
        _ = self.shared.controls.send(control);
    }

    pub(super) fn controls(&self) -> mpsc::UnboundedSender<Control> {
        self.shared.controls.clone()
    }

    /// Sends a request and waits for its answer, no longer than that.
    pub(super) async fn ask(&self, request: Request, patience: Option<Duration>) -> Result<Value, Error> {
        let asking = async {
            // Neither the semaphore nor the channel is closed but by the end of the runtime.
            let permit =
                Arc::clone(&self.shared.in_flight).acquire_owned().await.map_err(|_| Error::Ended)?;
            let (answer, answered) = oneshot::channel();
            let outgoing = Outgoing { request, answer, permit };
            self.shared.commands.send(outgoing).await.map_err(|_| Error::Ended)?;
            answered.await.map_err(|_| Error::Ended)?
        };
        within(patience, asking).await
    }
}

/// Waits for an answer, no longer than that.
pub(super) async fn within<T>(
    patience: Option<Duration>,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match patience {
        None => asking.await,
        Some(patience) => match tokio::time::timeout(patience, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::TimedOut(patience)),
        },
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { target, link, .. } = &*self.shared;
        f.debug_struct("Client")
            .field("address", &target.address.to_string())
            .field("link", &*link.borrow())
            .finish_non_exhaustive()
    }
}
