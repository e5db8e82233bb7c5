//! What ends with one connection: requests that are not answered yet, and bytes not written yet.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyrax_types::Revision;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::seats::SeatNumber;
use super::settings::Settings;
use super::topics::Ask;
use super::wire::Request;
use super::{Error, Value};

/// What is asked, and not answered.
pub(super) enum Pending {
    Command { answer: oneshot::Sender<Result<Value, Error>>, _permit: OwnedSemaphorePermit },
    Monitor { key: Bytes },
    Members { key: Bytes },
    Prefix { key: Bytes },
    Join { ekg: Bytes, number: SeatNumber },
    Leave { done: Option<oneshot::Sender<Result<(), Error>>> },
    Ping,
}

/// An answer.
pub(super) struct Answered {
    pub(super) outcome: Result<Value, String>,
    pub(super) rev: Option<Revision>,
    pub(super) value: Value,
}

/// One connection's requests and answers.
pub(super) struct Exchange {
    /// What is to be written.
    pub(super) output: BytesMut,
    /// Something was written that an encrypting layer may still hold.
    pub(super) flush_owed: bool,
    /// When the server was heard last.
    pub(super) heard: Instant,
    /// What the server said about no request: why it closes the connection.
    pub(super) farewell: Option<String>,
    pending: HashMap<u64, Pending>,
    next: u64,
    silence_max: Duration,
    line: Vec<u8>,
}

impl Exchange {
    pub(super) fn new(silence_max: Duration) -> Exchange {
        Exchange {
            output: BytesMut::new(),
            flush_owed: false,
            heard: Instant::now(),
            farewell: None,
            pending: HashMap::new(),
            next: 1,
            silence_max,
            line: Vec::new(),
        }
    }

    /// Whether something is to be written, or has not quite left.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.flush_owed
    }

    /// Sends a request.
    pub(super) fn ask(&mut self, request: Request, pending: Pending) {
        let number = self.next;
        self.next += 1;
        self.line.clear();
        request.write(number, &mut self.line);
        self.output.extend_from_slice(&self.line);
        self.pending.insert(number, pending);
    }

    /// What was asked by this number.
    pub(super) fn answered(&mut self, number: u64) -> Option<Pending> {
        self.pending.remove(&number)
    }

    /// Sends what a monitor needs.
    pub(super) fn monitor(&mut self, settings: &Settings, ask: Ask) {
        let (command, key, since) = match &ask {
            Ask::Monitor { key, since } => ("madd", key, *since),
            Ask::Members { key } => ("emembers", key, None),
            Ask::Stop { key } => ("mrem", key, None),
            Ask::Prefix { prefix } => ("mprefix", prefix, None),
        };
        let mut request =
            Request::new(command).key(key).signed(settings.signing.as_ref(), command, &[key], b"");
        if let Some(Revision(since)) = since {
            request = request.with("since", since);
        }
        let pending = match ask {
            Ask::Monitor { key, .. } => Pending::Monitor { key },
            Ask::Members { key } => Pending::Members { key },
            Ask::Prefix { prefix } => Pending::Prefix { key: prefix },
            Ask::Stop { .. } => Pending::Leave { done: None },
        };
        self.ask(request, pending);
    }

    /// Enters an EKG.
    pub(super) fn join(&mut self, settings: &Settings, ekg: &Bytes, number: SeatNumber, id: &Bytes) {
        let pending = Pending::Join { ekg: ekg.clone(), number };
        self.ask(ekg_request("eadd", settings, ekg, id), pending);
    }

    /// Leaves an EKG.
    pub(super) fn leave(
        &mut self,
        settings: &Settings,
        ekg: &Bytes,
        id: &Bytes,
        done: Option<oneshot::Sender<Result<(), Error>>>,
    ) {
        self.ask(ekg_request("erem", settings, ekg, id), Pending::Leave { done });
    }

    /// Whether the server owes an answer, and is not heard of any more. Asks for a sign of life where nothing else
    /// would bring one.
    ///
    /// A command that somebody waits for may take its time, and holds up the answers after it: it is that one's
    /// timeout that ends the wait.
    pub(super) fn is_silent(&mut self) -> bool {
        let silence = self.heard.elapsed();
        if silence >= self.silence_max {
            let is_awaited =
                |pending: &Pending| matches!(pending, Pending::Command { answer, .. } if !answer.is_closed());
            return !self.pending.is_empty() && !self.pending.values().any(is_awaited);
        }
        if silence >= self.silence_max / 3 && self.pending.is_empty() {
            self.ask(Request::new("ping"), Pending::Ping);
        }
        false
    }

    /// The connection is lost: whoever waits for an answer is told so.
    pub(super) fn interrupt(&mut self, reason: &str) {
        for (_, pending) in self.pending.drain() {
            match pending {
                Pending::Command { answer, .. } => {
                    _ = answer.send(Err(Error::Interrupted(reason.to_owned())));
                }
                // With the connection, the entry is gone.
                Pending::Leave { done: Some(done) } => _ = done.send(Ok(())),
                // What is to go on is asked for again.
                _ => {}
            }
        }
    }
}

fn ekg_request(command: &str, settings: &Settings, ekg: &Bytes, id: &Bytes) -> Request {
    Request::new(command).key(ekg).id(id).signed(settings.signing.as_ref(), command, &[ekg], id)
}
