//! The EKGs that a client is in: they are entered again over each new connection.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::Error;

/// How a client stands in an EKG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in.
    Present,
    /// There is no connection: others are told, or will be, that it is gone. It enters again with the next one.
    Away,
    /// The server refused to let it in again: it is out for good.
    Refused(String),
}

/// Which seat: a client may leave an EKG and enter it again while the answers are under way.
pub(super) type SeatNumber = u64;

#[derive(Default)]
pub(super) struct Seats(HashMap<Bytes, Seat>);

/// A seat that is wanted.
pub(super) struct Seat {
    pub(super) number: SeatNumber,
    pub(super) id: Bytes,
    pub(super) standing: watch::Sender<Standing>,
    /// Who waits to be let in for the first time.
    pub(super) done: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Seats {
    /// Takes a seat; whether it is to be asked for. A client has one in an EKG.
    pub(super) fn take(&mut self, ekg: &Bytes, mut seat: Seat) -> bool {
        if self.0.contains_key(ekg) {
            let present = Error::Present(String::from_utf8_lossy(ekg).into_owned());
            seat.done.take().into_iter().for_each(|done| _ = done.send(Err(present.clone())));
            return false;
        }
        self.0.insert(ekg.clone(), seat);
        true
    }

    /// Gives a seat up; as whom it was taken, if it was.
    pub(super) fn leave(&mut self, ekg: &Bytes, number: SeatNumber) -> Option<Bytes> {
        self.0.get(ekg).filter(|seat| seat.number == number)?;
        self.0.remove(ekg).map(|seat| seat.id)
    }

    /// Every seat.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Bytes, &Seat)> {
        self.0.iter()
    }

    /// There is no connection any more.
    pub(super) fn away(&self) {
        for seat in self.0.values().filter(|seat| seat.done.is_none()) {
            seat.standing.send_replace(Standing::Away);
        }
    }

    /// The server answered. Who was refused has no seat any more.
    pub(super) fn joined(&mut self, ekg: &Bytes, number: SeatNumber, outcome: Result<(), Error>) {
        let Some(seat) = self.0.get_mut(ekg).filter(|seat| seat.number == number) else {
            // It was left meanwhile, and that has been sent after it.
            return;
        };
        let standing = match &outcome {
            Ok(()) => Standing::Present,
            Err(error) => Standing::Refused(error.to_string()),
        };
        seat.standing.send_replace(standing);
        seat.done.take().into_iter().for_each(|done| _ = done.send(outcome.clone()));
        if outcome.is_err() {
            self.0.remove(ekg);
        }
    }
}
