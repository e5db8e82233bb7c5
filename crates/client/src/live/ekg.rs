//! EKGs: who is there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::{mpsc, oneshot, watch};

use super::change::EkgChange;
use super::client::{Client, within};
use super::driver::Control;
use super::queue::{Next, Queue};
use super::seats::{Seat, SeatNumber, Standing};
use super::topics::Reader;
use super::value::{Argument, json_of};
use super::wire::Request;
use super::{Error, Value};

/// An EKG: a named set of those who are connected.
#[derive(Clone, Debug)]
pub struct Ekg {
    client: Client,
    name: Bytes,
}

impl Ekg {
    pub(super) fn new(client: Client, name: Bytes) -> Ekg {
        Ekg { client, name }
    }

    /// Is in the EKG by this id until the entry is dropped, or the client ends. A client has one entry in an EKG.
    ///
    /// When the connection is lost, others are told that it is gone (`eclose`); it enters again over the next one,
    /// and the entry tells so. Cancel-safe: dropping the future leaves again.
    pub async fn join(&self, id: impl Into<Argument>) -> Result<EkgEntry, Error> {
        let id = id.into().0;
        let number = self.client.next_seat();
        let (tell, standing) = watch::channel(Standing::Away);
        let (done, told) = oneshot::channel();
        let seat = Seat { number, id: id.clone(), standing: tell, done: Some(done) };
        self.client.control(Control::Join { ekg: self.name.clone(), seat });
        // Dropped before it is in, it leaves as well.
        let entry =
            EkgEntry { ekg: self.name.clone(), id, number, standing, controls: self.client.controls() };
        let patience = self.client.settings().command_timeout;
        within(Some(patience), async { told.await.map_err(|_| Error::Ended)? }).await?;
        let mut entry = entry;
        entry.standing.mark_unchanged();
        Ok(entry)
    }

    /// The ids of all who are in it, one for each connection.
    pub async fn members(&self) -> Result<Vec<Bytes>, Error> {
        self.ask("emembers", None).await?.to()
    }

    /// How many connections are in it.
    pub async fn count(&self) -> Result<u64, Error> {
        self.ask("ecard", None).await?.to()
    }

    /// Whether somebody of this id is in it.
    pub async fn is_member(&self, id: impl Into<Argument>) -> Result<bool, Error> {
        self.ask("eismember", Some(id.into().0)).await?.to()
    }

    /// Who is there, and then who comes and goes.
    pub fn monitor(&self) -> EkgMonitor {
        let queue = Arc::new(Queue::new(self.client.settings().queue_bytes));
        let reader = Reader::Ekg(Arc::clone(&queue));
        self.client.control(Control::Monitor { key: self.name.clone(), reader });
        EkgMonitor { name: self.name.clone(), queue, controls: self.client.controls(), has_ended: false }
    }

    async fn ask(&self, command: &str, id: Option<Bytes>) -> Result<Value, Error> {
        let settings = self.client.settings();
        // As a read it is signed without an id.
        let mut request = Request::new(command).key(&self.name).signed(
            settings.signing.as_ref(),
            command,
            &[&self.name],
            b"",
        );
        if let Some(id) = id {
            request = request.with("id", json_of(&id)).signed(
                settings.signing.as_ref(),
                command,
                &[&self.name],
                &id,
            );
        }
        self.client.ask(request, Some(settings.command_timeout)).await
    }
}

/// A place in an EKG. Dropping it leaves, in the background.
#[derive(Debug)]
pub struct EkgEntry {
    ekg: Bytes,
    id: Bytes,
    number: SeatNumber,
    standing: watch::Receiver<Standing>,
    controls: mpsc::UnboundedSender<Control>,
}

impl EkgEntry {
    /// As whom it is in.
    pub fn id(&self) -> &Bytes {
        &self.id
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Waits until it stands otherwise than it did when asked last: away with a lost connection, and in again with the
    /// next. Where both happened meanwhile, only the last is told. Cancel-safe.
    pub async fn changed(&mut self) -> Standing {
        match self.standing.changed().await {
            Ok(()) => self.standing.borrow_and_update().clone(),
            // Who was refused hears no more, nor does anybody when the runtime ends.
            Err(_) => match self.standing() {
                Standing::Refused(words) => Standing::Refused(words),
                _ => Standing::Refused(Error::Ended.to_string()),
            },
        }
    }

    /// Leaves, and waits until others are told.
    pub async fn leave(self) -> Result<(), Error> {
        let (done, told) = oneshot::channel();
        let leave = Control::Leave { ekg: self.ekg.clone(), number: self.number, done: Some(done) };
        self.controls.send(leave).map_err(|_| Error::Ended)?;
        told.await.map_err(|_| Error::Ended)?
    }
}

impl Drop for EkgEntry {
    fn drop(&mut self) {
        _ = self.controls.send(Control::Leave { ekg: self.ekg.clone(), number: self.number, done: None });
    }
}

/// Who is in an EKG, and who comes and goes. Dropping it ends it.
pub struct EkgMonitor {
    name: Bytes,
    queue: Arc<Queue<EkgChange>>,
    controls: mpsc::UnboundedSender<Control>,
    has_ended: bool,
}

impl EkgMonitor {
    /// What happens next; at first, who is there. None when it has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<EkgChange, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for EkgMonitor {
    type Item = Result<EkgChange, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        loop {
            match ready!(self.queue.poll_next(context)) {
                Next::Item(change) => return Poll::Ready(Some(Ok(change))),
                Next::Gap => {
                    self.queue.await_whole();
                    _ = self.controls.send(Control::Refresh { key: self.name.clone() });
                }
                Next::Ended(error) => {
                    self.has_ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl Drop for EkgMonitor {
    fn drop(&mut self) {
        let reader = Reader::Ekg(Arc::clone(&self.queue));
        _ = self.controls.send(Control::Unmonitor { key: self.name.clone(), reader });
    }
}
