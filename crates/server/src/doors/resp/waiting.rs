//! What a client waits for before its next command is answered.

use super::dialogue::{Conversation, Flow, Replies};
use super::owed::Owed;
use super::transaction::{Queue, write_later};
use crate::LetGo;
use crate::slow_log::shortened;
use futures_util::future::BoxFuture;
use hyrax_values::{Error, Reply, Waiting};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const UNBLOCKED: Error = Error::text("UNBLOCKED client unblocked via CLIENT UNBLOCK");

/// Something of the door's own that cannot be done at once, and its place among the metrics' names.
pub type Slow =
    Box<dyn for<'c> FnOnce(&'c mut Conversation, &'c mut Vec<u8>) -> BoxFuture<'c, Result<(), Error>> + Send>;

/// What a client waits for.
pub enum Pending {
    /// An engine's reply; the command's place among the metrics' names.
    Later(usize, BoxFuture<'static, Reply>),
    /// Replies of several commands that were sent on together.
    Several(Owed),
    /// Something to take, or that somebody lets it go; the command's place, and its words, for the slow log.
    Waiting(usize, Vec<Vec<u8>>, Waiting, oneshot::Receiver<LetGo>),
    /// The replies of a transaction.
    Transaction(Box<Queue>, BoxFuture<'static, Option<Vec<Reply>>>),
    /// Something of the door's own.
    Slow(usize, Slow),
    /// The end of a pause; then the command comes again.
    Paused,
}

/// What answers the same after a time, however it ends; without a time, when somebody lets it go.
pub fn answer_after(time: Option<Duration>, answer: Reply) -> Waiting {
    let (end, ended) = oneshot::channel();
    let end = Mutex::new(Some(end));
    let nothing = answer.clone();
    let reply = async move {
        let time_is_over = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok(other) = ended => other,
            () = time_is_over => answer,
        }
    };
    let end =
        move |other| end.lock().take().is_some_and(|end: oneshot::Sender<Reply>| end.send(other).is_ok());
    Waiting { reply: Box::pin(reply), nothing, end: Arc::new(end) }
}

impl Pending {
    /// Whether it may be long in coming.
    pub fn waits_for_others(&self) -> bool {
        match self {
            Pending::Waiting(..) | Pending::Paused => true,
            Pending::Later(..) | Pending::Several(_) | Pending::Transaction(..) | Pending::Slow(..) => false,
        }
    }

    /// Waits for it and writes the answer.
    pub async fn finish(self, conversation: &mut Conversation, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Pending::Later(number, reply) => {
                let reply = reply.await;
                conversation.write_late(number, &reply, out);
            }
            Pending::Several(owed) => owed.finish(conversation, out).await,
            Pending::Waiting(number, words, waiting, let_go) => {
                let Waiting { mut reply, nothing, end } = waiting;
                let reply = tokio::select! {
                    biased;
                    reply = &mut reply => reply,
                    Ok(how) = let_go => {
                        // It may have taken something in this very moment, which then is its answer.
                        end(match how {
                            LetGo::TimedOut => nothing,
                            LetGo::Refused => Reply::Error(UNBLOCKED),
                        });
                        reply.await
                    }
                };
                conversation.session.card.waits_no_more();
                let took_ns = conversation.write_late(number, &reply, out);
                if conversation.session.core.slow_log.wants(took_ns) {
                    conversation.remember_slow(took_ns, words);
                }
            }
            Pending::Transaction(queue, replies) => {
                let replies = replies.await;
                write_later(conversation, &queue, replies, out);
            }
            Pending::Slow(number, slow) => {
                let outcome = slow(conversation, out).await;
                if let Err(error) = &outcome {
                    out.truncate(start);
                    conversation.refuse(error, out);
                }
                conversation.session.end_command(number, outcome.is_ok());
            }
            Pending::Paused => {
                let core = conversation.session.core.clone();
                // It counts as waiting, though only the end of the pause lets it go.
                let _let_go = conversation.session.card.waits();
                core.pause.changed().await;
                conversation.session.card.waits_no_more();
                return;
            }
        }
        conversation.leave_out_unwanted(start, out);
    }
}

impl Conversation {
    /// Has the client wait, with the command in this place among the metrics' names.
    pub fn wait(&self, number: usize, argv: &[&[u8]], waiting: Waiting) -> Flow {
        Flow::Pending(Pending::Waiting(number, shortened(argv), waiting, self.session.card.waits()))
    }

    /// Writes a reply that was waited for; how long it took, in nanoseconds.
    pub(super) fn write_late(&mut self, number: usize, reply: &Reply, out: &mut Vec<u8>) -> u64 {
        let mut sink = self.reply(out);
        reply.write(&mut sink);
        let start = sink.start();
        let succeeded = sink.finish();
        if !succeeded {
            self.count_error(&out[start..]);
        }
        self.session.end_command(number, succeeded)
    }

    /// Takes back what a client did not want to be answered.
    pub fn leave_out_unwanted(&mut self, start: usize, out: &mut Vec<u8>) {
        match self.replies {
            Replies::On => {}
            // What says that the next one is not wanted has no answer itself.
            Replies::Off | Replies::SkipNext => out.truncate(start),
            Replies::SkipThis => {
                out.truncate(start);
                self.replies = Replies::On;
            }
        }
    }
}
